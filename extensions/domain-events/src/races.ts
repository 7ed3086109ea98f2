/**
 * Writes that knew nothing of each other: which is kept, who is told, and what the server writes to make it so.
 *
 * The time of a write is its own `at` as far as it can be believed: not before its client was last in sync, nor after it arrived, give or
 * take a second. What lies outside is taken for the bound, and so restated, as is what carries no time at all (a stock client's
 * plain value). So a wrong or lying clock gains that second and no more.
 *
 * What the server has to write is written with the next batch, not at once (`Due`). What comes meanwhile is judged against that, too, for nobody
 * can have known of it; but who goes on from the very write that is to be restated has the last word.
 *
 * Only the node that has to commit one of the two writes acts on a race: it is the one whose batch comes second.
 */
import { clampTime, judge, parseValue, sameId, SAME_MOMENT_MS, sameValue, type ColumnIndex, type KeyWrites, type RegisterWrite, type Restatement } from '@sunday/board-model';
import type { BoardBooks, ConflictRow, Source } from '@sunday/extension-journal';
import { derivedId, type Actor } from './draft.ts';
import type { NotedConflict } from './noted.ts';

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

/** What the server has still to write to settle a key. */
export interface Due extends Restatement {
  /** The write that is kept, its time as it is believed. */
  readonly of: RegisterWrite & { readonly at: number };
  readonly actor: Actor;
}

export interface Judged {
  /** What is due for this key from now on. */
  readonly due: Due | null;
  readonly conflicts: readonly NotedConflict[];
}

/** @param before what was due for the key before these writes */
export function judgeWrites(writes: KeyWrites, context: RaceContext, before: Due | undefined): Judged {
  const { books, source, now, actor } = context;
  const fresh = new Set(writes.heads.map(({ write }) => write));
  const fromClient = source.kind === 'ours' && source.cause.connection !== null;
  const timeOf = (write: RegisterWrite): number => {
    if (!fromClient || !fresh.has(write)) return write.at ?? 0;
    return write.at === null ? now : Math.min(Math.max(write.at, source.syncedAt - CLOCK_TOLERANCE_MS), now + CLOCK_TOLERANCE_MS);
  };
  const userOf = (write: RegisterWrite): string | null => write.author ?? books.ownerOf(write.id.client) ?? (fresh.has(write) ? actor.userId : null);
  const restated = (write: RegisterWrite, over: RegisterWrite): Due => {
    const author = userOf(write);
    const at = timeOf(write);
    return { root: writes.root, record: writes.record, key: writes.key, over: over.id, value: write.value, at, author, of: { ...write, at, author }, actor: { ...actor, userId: author } };
  };
  const conflict = (kept: RegisterWrite, lost: RegisterWrite, policy: string): NotedConflict[] => conflictOf(writes, context, kept, lost, policy, userOf, timeOf);

  const { shown, prior } = writes;
  if (shown === null) return { due: null, conflicts: [] };
  const ours = source.kind === 'ours' || (prior !== null && prior.id.clock >= books.committedUpTo(prior.id.client));
  const verdict = ours ? judge(writes, timeOf) : null;
  const kept = verdict?.kept ?? (fresh.has(shown) ? shown : null);
  const due = kept !== null && (kept !== shown || timeOf(kept) !== (kept.at ?? 0)) ? restated(kept, shown) : null;
  const conflicts = verdict === null ? [] : verdict.lost.flatMap((write) => conflict(verdict.kept, write, verdict.policy));
  if (before === undefined) return { due, conflicts };
  // What came has lost already.
  if (kept === null || kept === prior) return { due: { ...before, over: shown.id }, conflicts };
  const goesOn = writes.heads.some(({ write, follows }) => write === kept && sameId(follows, before.of.id));
  const lead = before.at - timeOf(kept);
  const isLater = goesOn || lead <= (kept === shown ? SAME_MOMENT_MS : 0);
  const [winner, loser] = isLater ? [kept, before.of] : [before.of, kept];
  return { due: isLater ? due : { ...before, over: shown.id }, conflicts: goesOn ? conflicts : [...conflicts, ...conflict(winner, loser, policyOf(lead))] };
}

const policyOf = (lead: number): string => (Math.abs(lead) <= SAME_MOMENT_MS ? 'same_moment' : 'later_write');

function conflictOf(
  { root, record, key }: KeyWrites, { books, columns, actor }: RaceContext, kept: RegisterWrite, lost: RegisterWrite, policy: string,
  userOf: (write: RegisterWrite) => string | null, timeOf: (write: RegisterWrite) => number,
): NotedConflict[] {
  const column = root === 'items' ? columns.get(key) : undefined;
  if (column === undefined || record === null || !SHOWN_TYPES.has(column.type)) return [];
  // As people see them: what is stored may hold what JSON or a timestamp cannot say, from before there was a guard that looked.
  const shown = (write: RegisterWrite): unknown => parseValue(column.type, write.value) ?? null;
  if (sameValue(shown(kept), shown(lost))) return [];
  const [winner, loser] = [userOf(kept), userOf(lost)];
  // One person on two devices knows what was meant.
  if (winner === loser) return [];
  const structs = [kept.id, lost.id];
  const side = (write: RegisterWrite, userId: string | null): ConflictRow['kept'] => ({ value: shown(write), userId, at: clampTime(timeOf(write)) });
  const names = structs.map(({ client, clock }) => `${client}:${clock}`).toSorted();
  const row: ConflictRow = {
    id: derivedId(books.boardId, 'conflict', record, key, ...names),
    itemId: record, columnId: column.id, policy, kept: side(kept, winner), lost: side(lost, loser),
  };
  return [{ row, actor, structs }];
}

