/** `sunday events …`: what consumers could not handle, and trying it again. */
import { isUuid, type Database } from '@sunday/database';
import { discardParked, listFailed, replayParked, type DeliveryState, type FailedDelivery } from '@sunday/extension-event-bus';

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export interface EventsOptions {
  readonly group?: string | undefined;
  readonly board?: string | undefined;
  readonly id?: string | undefined;
  readonly state?: string | undefined;
  readonly all?: boolean | undefined;
}

const PAGE = 500;
const STATES: readonly string[] = ['parked', 'retrying', 'waiting'] satisfies DeliveryState[];
const isState = (text: string): text is DeliveryState => STATES.includes(text);

/** @throws UsageError */
export async function eventsCommand(database: Database, command: string, options: EventsOptions, say: (line: string) => void): Promise<void> {
  const { group, id, all } = options;
  const boardId = options.board;
  if (id !== undefined && !/^\d{1,18}$/.test(id)) throw new UsageError('--id is the number that "sunday events parked" shows');
  if (boardId !== undefined && !isUuid(boardId.toLowerCase())) throw new UsageError('--board is the id of a board');
  const filter = { group, boardId, id };
  switch (command) {
    case 'parked': {
      const state = options.state ?? 'parked';
      if (!isState(state)) throw new UsageError(`--state is one of ${STATES.join(', ')}`);
      await list(database, { ...filter, state }, say);
      return;
    }
    case 'replay':
      if (group === undefined && boardId === undefined && id === undefined && all !== true) throw new UsageError('Say which: --group, --board, --id or --all');
      say(`${await replayParked(database, filter)} to be tried again by the group's workers, in order.`);
      return;
    case 'discard':
      if (id === undefined) throw new UsageError('Say which one: --id');
      say(`${await discardParked(database, filter)} given up. The event stays in the board's history.`);
      return;
    default:
      throw new UsageError(`There is no command "events ${command}"`);
  }
}

async function list(database: Database, filter: { group: string | undefined; boardId: string | undefined; id: string | undefined; state: DeliveryState }, say: (line: string) => void): Promise<void> {
  let count = 0;
  for (let after: string | undefined, page: FailedDelivery[] = []; ; after = page.at(-1)?.id) {
    page = await listFailed(database, { ...filter, after, limit: PAGE });
    for (const { id, group, boardId, event, tries, firstFailedAt, error } of page) {
      say(`${id}  ${group}  board ${boardId}  version ${event.version}  ${event.type}  ${tries} tries since ${firstFailedAt}\n    ${error ?? 'behind another of its board'}`);
    }
    count += page.length;
    if (page.length < PAGE) break;
  }
  say(count === 0 ? `Nothing is ${filter.state}.` : `${count} ${filter.state}.`);
}
