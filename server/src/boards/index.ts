/**
 * Commands and queries of boards: the only way any API touches one. Each checks the caller's role itself; an API layer above decides
 * only how things are spelled on its wire.
 */
import { boardCommands, type BoardCommands } from './board-commands.ts';
import { boardQueries, type BoardQueries } from './board-queries.ts';
import { comments, type Comments } from './comments.ts';
import { conflicts, type Conflicts } from './conflicts.ts';
import { eventQueries, type EventQueries } from './event-queries.ts';
import { eventStreams, type EventStreams } from './event-stream.ts';
import { itemCommands, type ItemCommands } from './item-commands.ts';
import { itemQueries, type ItemQueries } from './item-queries.ts';
import { members, type Members } from './members.ts';
import { askingFirst, type BoardsParts } from './parts.ts';
import { structureCommands, type StructureCommands } from './structure-commands.ts';
import { transfer, type Transfer } from './transfer.ts';
import { transferJobs } from './transfer-jobs.ts';
import { versions, type Versions } from './versions.ts';
import { workspaces, type Workspaces } from './workspaces.ts';

export type { BoardsParts, PresenceEntry, RoleSource } from './parts.ts';

export type Boards = BoardCommands & BoardQueries & Comments & Conflicts & EventQueries & EventStreams & ItemCommands & ItemQueries & Members & StructureCommands & Transfer & Versions & Workspaces;

export function createBoards(given: BoardsParts): Boards {
  const parts = { ...given, engine: askingFirst(given.engine, given.database) };
  const jobs = transferJobs();
  return {
    ...boardCommands(parts),
    ...boardQueries(parts),
    ...comments(parts),
    ...conflicts(parts),
    ...eventQueries(parts),
    ...eventStreams(parts),
    ...itemCommands(parts),
    ...itemQueries(parts),
    ...members(parts),
    ...structureCommands(parts),
    ...transfer(parts, jobs),
    ...versions(parts, jobs),
    ...workspaces(parts),
  };
}
