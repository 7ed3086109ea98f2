/**
 * One's own writes that lost a cell to somebody's written at the same time, as the server tells them, and the answers to them.
 *
 * Guarantees: a conflict is shown exactly while its cell holds what was kept, so one that somebody wrote over goes by itself and a later
 * value is never overwritten; "mine" is an ordinary write, and so an undo step. An answer the server could not be told (offline) is told
 * when it names the conflict again.
 */
import { equalityDeep } from 'lib0/function';
import type { Items } from './items.ts';
import { Listeners } from './listeners.ts';
import type { Conflict, ConflictChoice, ConflictReads, Listener, Unsubscribe } from './types.ts';

type Tell = (id: string, choice: ConflictChoice) => void;

export class Conflicts implements ConflictReads {
  readonly #items: Items;
  readonly #tell: Tell;
  readonly #listeners = new Listeners();
  /** Open as far as the server said, in the order it did. */
  readonly #open = new Map<string, Conflict>();
  readonly #answers = new Map<string, ConflictChoice>();
  #current: readonly Conflict[] = [];

  constructor(items: Items, tell: Tell) {
    this.#items = items;
    this.#tell = tell;
    items.subscribe(() => this.#refresh());
  }

  get current(): readonly Conflict[] { return this.#current; }

  subscribe(fn: Listener): Unsubscribe { return this.#listeners.add(fn); }

  keepMine(id: string): void {
    const mine = this.#current.find((open) => open.id === id);
    if (!mine) return;
    this.#items.update(mine.itemId, { values: { [mine.columnId]: mine.lost.value } });
    this.#answer(id, 'mine');
  }

  keepTheirs(id: string): void { this.#answer(id, 'theirs'); }

  /** The server says that this one is open. */
  opened(conflict: Conflict): void {
    const answer = this.#answers.get(conflict.id);
    if (answer) this.#tell(conflict.id, answer);
    else this.#open.set(conflict.id, conflict);
    this.#refresh();
  }

  /** The server says that it no longer is. Without an id: that it will name all that are, again. */
  closed(id?: string): void {
    if (id === undefined) this.#open.clear();
    else this.#open.delete(id);
    this.#refresh();
  }

  #answer(id: string, choice: ConflictChoice): void {
    this.#answers.set(id, choice);
    this.#tell(id, choice);
    this.closed(id);
  }

  #refresh(): void {
    const next = [...this.#open.values()].filter(({ itemId, columnId, kept }) => {
      const item = this.#items.get(itemId);
      return item?.deletedAt === null && equalityDeep(item.values[columnId] ?? null, kept.value);
    });
    if (equalityDeep(next, this.#current)) return;
    this.#current = next;
    this.#listeners.emit();
  }
}
