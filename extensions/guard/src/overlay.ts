/** What an update would add to the document, as far as its own later structs build on it. Lives for one judgement. */
import { valueOfRegister } from '@sunday/board-model';
import type * as Y from 'yjs';
import type { Place } from './places.ts';

export interface Seen {
  readonly place: Place;
  readonly key: string | null;
  /** The place it makes for others; null: it holds none. */
  readonly opens: Place | null;
}

interface Entry extends Seen {
  readonly clock: number;
  readonly end: number;
}

type Fields = Extract<Place, { kind: 'fields' }>;
type Records = Extract<Place, { kind: 'records' }>;

export const fieldName = ({ of, id, itemId }: Fields, key: string): string => `${of}/${itemId ?? ''}/${id}/${key}`;

export class Overlay {
  private readonly structs = new Map<number, Entry[]>();
  /** Root and id of records made. */
  private readonly records = new Set<string>();
  private readonly columnTypes = new Map<string, unknown>();
  private readonly unsigned = new Set<string>();
  /** By field: what it would hold, in the order it was heard. */
  private readonly brought = new Map<string, Y.Item[]>();

  add({ id, length }: { readonly id: Y.ID; readonly length: number }, { place, key, opens }: Seen): void {
    const entry = { place, key, opens, clock: id.clock, end: id.clock + length };
    const known = this.structs.get(id.client);
    if (known === undefined) this.structs.set(id.client, [entry]);
    else known.push(entry);
  }

  at({ client, clock }: Y.ID): Seen | null {
    const entries = this.structs.get(client);
    if (entries === undefined) return null;
    let low = 0;
    let high = entries.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const entry = entries[middle];
      if (entry === undefined) return null;
      if (clock < entry.clock) high = middle - 1;
      else if (clock >= entry.end) low = middle + 1;
      else return entry;
    }
    return null;
  }

  /** `false`: it was made before. */
  make({ of, root }: Records, id: string): boolean {
    const name = `${root}/${id}`;
    if (this.records.has(name)) return false;
    this.records.add(name);
    if (of === 'comments') this.unsigned.add(name);
    return true;
  }

  made(root: string, id: string): boolean {
    return this.records.has(`${root}/${id}`);
  }

  write({ of, id, itemId, live }: Fields, key: string, stored: unknown): void {
    if (of === 'columns' && key === 'type') this.columnTypes.set(id, valueOfRegister(stored));
    if (of === 'comments' && key === 'author' && live === null) this.unsigned.delete(`comments:${itemId ?? ''}/${id}`);
  }

  columnType(columnId: string): unknown {
    return this.columnTypes.get(columnId);
  }

  hasAnonymousComment(): boolean {
    return this.unsigned.size > 0;
  }

  /** A struct under a key of a record. */
  bring(fields: Fields, key: string, struct: Y.Item): void {
    const field = fieldName(fields, key);
    const known = this.brought.get(field);
    if (known === undefined) this.brought.set(field, [struct]);
    else known.push(struct);
  }

  broughtTo(fields: Fields, key: string): readonly Y.Item[] {
    return this.brought.get(fieldName(fields, key)) ?? [];
  }
}
