/**
 * Writes that knew nothing of each other: which is kept, who is told, and what the server writes to make it so.
 *
 * The time of a write is its own `at` as far as it can be believed: not before its client was last in sync, nor after it arrived, give or
 * take a second. What lies outside is taken for the bound, and so restated, as is what carries no time at all (a stock client's
 * plain value). So a wrong or lying clock gains that second and no more.
 *
 * Only the node that has to commit one of the two writes acts on a race: it is the one whose batch comes second.
 */
import { judge, type ColumnIndex, type KeyWrites, type RegisterWrite, type Restatement } from '@sunday/board-model';
import type { BoardBooks, ConflictRow, Source } from '@sunday/extension-journal';
import { derivedId, type Actor } from './draft.ts';
import type { NotedConflict } from './noted.ts';
import { sameValue } from './same-value.ts';

/** Of these column types a lost write is shown to who lost it (SPEC.md, 5). */
const SHOWN_TYPES: ReadonlySet<string> = new Set(['status', 'dropdown', 'date', 'timeline']);

/** What a clock may be off without anybody being corrected. */
const CLOCK_TOLERANCE_MS = 1000;

export interface RaceContext {
  readonly books: BoardBooks;
  readonly columns: ColumnIndex;
  readonly actor: Actor;
  readonly source: Source;
  /** ms since the epoch. */
  readonly now: number;
}

export interface Judged {
  readonly restatement: (Restatement & { actor: Actor }) | null;
  readonly conflicts: readonly NotedConflict[];
}

export function judgeWrites(writes: KeyWrites, context: RaceContext): Judged {
  const { books, source, now, actor } = context;
  const fresh = new Set(writes.heads.map(({ write }) => write));
  const fromClient = source.kind === 'ours' && source.cause.connection !== null;
  const timeOf = (write: RegisterWrite): number => {
    if (!fromClient || !fresh.has(write)) return write.at ?? 0;
    return write.at === null ? now : Math.min(Math.max(write.at, source.syncedAt - CLOCK_TOLERANCE_MS), now + CLOCK_TOLERANCE_MS);
  };
  const userOf = (write: RegisterWrite): string | null => write.author ?? books.ownerOf(write.id.client) ?? (fresh.has(write) ? actor.userId : null);
  const restated = (write: RegisterWrite, over: RegisterWrite): Restatement & { actor: Actor } => {
    const author = userOf(write);
    return { root: writes.root, record: writes.record, key: writes.key, over: over.id, value: write.value, at: timeOf(write), author, actor: { ...actor, userId: author } };
  };

  const { shown, prior } = writes;
  const ours = source.kind === 'ours' || (prior !== null && prior.id.clock >= books.committedUpTo(prior.id.client));
  const verdict = ours ? judge(writes, timeOf) : null;
  if (verdict === null || shown === null) {
    return { restatement: shown === null || !fresh.has(shown) || timeOf(shown) === (shown.at ?? 0) ? null : restated(shown, shown), conflicts: [] };
  }
  const { kept, lost, policy } = verdict;
  return {
    restatement: kept !== shown || timeOf(kept) !== (kept.at ?? 0) ? restated(kept, shown) : null,
    conflicts: lost.flatMap((write) => conflictOf(writes, context, kept, write, policy, userOf, timeOf)),
  };
}

function conflictOf(
  { root, record, key }: KeyWrites, { books, columns, actor }: RaceContext, kept: RegisterWrite, lost: RegisterWrite, policy: string,
  userOf: (write: RegisterWrite) => string | null, timeOf: (write: RegisterWrite) => number,
): NotedConflict[] {
  const column = root === 'items' ? columns.get(key) : undefined;
  if (column === undefined || record === null || !SHOWN_TYPES.has(column.type) || sameValue(kept.value, lost.value)) return [];
  const [winner, loser] = [userOf(kept), userOf(lost)];
  // One person on two devices knows what was meant.
  if (winner === loser) return [];
  const structs = [kept.id, lost.id];
  const side = (write: RegisterWrite, userId: string | null): ConflictRow['kept'] => ({ value: write.value, userId, at: Math.floor(timeOf(write)) });
  const names = structs.map(({ client, clock }) => `${client}:${clock}`).toSorted();
  const row: ConflictRow = {
    id: derivedId(books.boardId, 'conflict', record, key, ...names),
    itemId: record, columnId: column.id, policy, kept: side(kept, winner), lost: side(lost, loser),
  };
  return [{ row, actor, structs }];
}

