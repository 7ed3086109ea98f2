/**
 * Where between its neighbours a new struct lies, as far as that can be told before Yjs has placed it: whether what it stands behind is in front of what it
 * stands before, and how far Yjs will have to walk from the one to the other.
 *
 * Yjs takes it on trust that they are in that order. Where they are not, the place depends on what came first, and copies differ for good. And it compares
 * a struct with everything between them, at each load and on each page: a few kilobytes that follow nothing and precede anything cost seconds, for ever.
 *
 * Guarantees: throws `Refusal` malformed_update for an order that no copy of the document can have, and update_too_complex where the walks of an update add up
 * to more than an honest one's. Reads the document, changes nothing.
 * Does not: place what the update brings itself. Between two such structs, and beside them, only what is certain is refused.
 */
import { sameId } from '@sunday/board-model';
import * as Y from 'yjs';
import { Refusal } from './faults.ts';

/** Steps one update may cost. Somebody who was offline while others wrote thousands of pieces behind the same word needs that many once. */
const MAX_STEPS = 20_000;
/** And for each of its structs: people write beside what they see. */
const STEPS_PER_STRUCT = 200;

/** A struct that the update brings: `left` and `right` are the nearest that the document has on either side; null: its beginning, or end. */
interface Brought {
  readonly clock: number;
  readonly end: number;
  /** What it said it stands before. */
  readonly rightOrigin: Y.ID | null;
  readonly left: Y.ID | null;
  readonly right: Y.ID | null;
}

/** Of a text, or a key. */
interface Line {
  /** What the document has there foremost. To find it the whole line may have to be walked. */
  readonly first: () => Y.Item | null;
  /** Structs that the update has brought there so far. */
  brought: number;
  /** By what they stand behind: how many there are, and the last one. */
  readonly siblings: Map<string, { count: number; last: Y.ID }>;
  /** Ways that were walked already. */
  readonly walked: Set<string>;
}

const nameOf = (id: Y.ID | null): string => (id === null ? '' : `${id.client}:${id.clock}`);

/** Whether `right` follows at once on a place in what was brought, as long as nothing else was brought there. */
const isNext = ({ end, rightOrigin }: Brought, { client, clock }: Y.ID, right: Y.ID | null): boolean =>
  clock + 1 < end ? right !== null && right.client === client && right.clock === clock + 1 : sameId(right, rightOrigin);

export class Distance {
  private readonly store: Y.Doc['store'];
  /** By client id, in order. */
  private readonly brought = new Map<number, Brought[]>();
  private readonly lines = new Map<string, Line>();
  private steps: number;

  constructor(store: Y.Doc['store'], structs: number) {
    this.store = store;
    this.steps = MAX_STEPS + STEPS_PER_STRUCT * structs;
  }

  /** @throws Refusal update_too_complex */
  spend(steps: number): void {
    this.steps -= steps;
    if (this.steps < 0) throw new Refusal('update_too_complex');
  }

  /** A new struct of a text, or of one key (`where`). @param first finds what the document has there foremost @throws Refusal */
  measure({ id, length, origin, rightOrigin }: Y.Item, where: string, first: () => Y.Item | null): void {
    const line = this.lines.get(where) ?? { first, brought: 0, siblings: new Map(), walked: new Set() };
    this.lines.set(where, line);
    const before = this.broughtAt(origin);
    const after = this.broughtAt(rightOrigin);
    const left = before === null ? origin : before.left;
    const right = after === null ? rightOrigin : after.right;
    if (before === null) this.pay(line, origin, right);
    else if (origin !== null && !isNext(before, origin, rightOrigin) && !line.siblings.has(nameOf(origin))) this.spend(line.brought);
    if (right !== null) this.follow(line, left, right);
    // Both were neighbours where it was written. So what one of them stands beside is not between them.
    if (after !== null && after.left !== null && !(before === null && sameId(origin, after.left))) {
      if (before === null && origin === null) throw new Refusal('malformed_update');
      const goal = before === null ? origin : before.right;
      if (goal !== null) this.follow(line, after.left, goal);
    }
    if (before !== null && before.right !== null && after === null && !sameId(rightOrigin, before.right)) {
      if (rightOrigin === null) throw new Refusal('malformed_update');
      this.follow(line, rightOrigin, before.right);
    }
    this.meetSiblings(line, id, origin, rightOrigin);
    line.brought += 1;
    const known = this.brought.get(id.client);
    const each: Brought = { clock: id.clock, end: id.clock + length, rightOrigin, left, right };
    if (known === undefined) this.brought.set(id.client, [each]);
    else known.push(each);
  }

  /** Of what the document has, null. */
  private broughtAt(id: Y.ID | null): Brought | null {
    if (id === null || id.clock < Y.getState(this.store, id.client)) return null;
    const own = this.brought.get(id.client) ?? [];
    // The last that begins at it or before.
    let [low, high] = [0, own.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((own[middle]?.clock ?? 0) <= id.clock) low = middle + 1;
      else high = middle;
    }
    return own[low - 1] ?? null;
  }

  /** Whoever writes at one place again and again writes before what they wrote there last; anybody else meets all the others. */
  private meetSiblings({ siblings }: Line, id: Y.ID, origin: Y.ID | null, rightOrigin: Y.ID | null): void {
    const known = siblings.get(nameOf(origin));
    if (known === undefined) {
      siblings.set(nameOf(origin), { count: 1, last: id });
      return;
    }
    if (!sameId(rightOrigin, known.last)) this.spend(known.count);
    known.count += 1;
    known.last = id;
  }

  /** Yjs compares it with what lies between its neighbours, and with what the update has brought there. */
  private pay(line: Line, left: Y.ID | null, right: Y.ID | null): void {
    const goal = right === null ? null : this.itemAt(right);
    const beside = left === null ? null : this.itemAt(left);
    const isWithin = left !== null && beside !== null && left.clock < beside.lastId.clock;
    const next = beside === null ? line.first() : isWithin ? beside : beside.right;
    const nextClock = isWithin ? left.clock + 1 : next?.id.clock;
    if (next === goal && (right === null || right.clock === nextClock)) return;
    this.spend(line.brought);
    if (right === null) for (let item = isWithin ? beside.right : next; item !== null; item = item.right) this.spend(1);
  }

  /** `to` lies behind `from`. @throws Refusal */
  private follow(line: Line, from: Y.ID | null, to: Y.ID): void {
    const way = `${nameOf(from)} ${nameOf(to)}`;
    if (line.walked.has(way)) return;
    line.walked.add(way);
    const goal = this.itemAt(to);
    const start = from === null ? null : this.itemAt(from);
    // Both in one piece: what one client wrote in a row.
    if (from !== null && start === goal && to.clock > from.clock) return;
    let item = from === null ? line.first() : (start?.right ?? null);
    for (; item !== goal; item = item.right) {
      if (item === null) throw new Refusal('malformed_update');
      this.spend(1);
    }
    if (goal === null) throw new Refusal('malformed_update');
  }

  private itemAt(id: Y.ID): Y.Item | null {
    const item: unknown = Y.getItem(this.store, id);
    return item instanceof Y.Item ? item : null;
  }
}
