/**
 * What a batch says in SQL beside its bytes: rows of `boards` and `items`, events, conflicts. Injected, so that the journal can also
 * keep documents that are not boards (`noProjection`), and so that what becomes an event is not its business.
 *
 * A derivation is one open board's. It is told of every transaction, asked for rows at every cut, and told what became of the cut:
 *
 *   note* ──cut──▶ out ──confirm──▶ (forgotten)
 *                   └──takeBack──▶ noted again, together with what came since
 *
 * Runs on the hot path: `note` per transaction, `cut` per batch.
 */
import { itemProjector, projectBoard, touchedBy, type BoardProjection, type ItemId, type Touched } from '@sunday/board-model';
import type { Doc, Transaction } from 'yjs';
import type { CommittedRows, ConflictRow, EventRow, ItemRow, TextRunRow } from './store.ts';
import type { Cause } from './updates.ts';

export interface ProjectedRows {
  readonly items: readonly ItemRow[];
  /** Items that are in the projection but no longer in the document. */
  readonly goneItems: readonly string[];
  readonly board: BoardProjection | null;
}

export interface Derived extends ProjectedRows {
  readonly events: readonly EventRow[];
  readonly conflicts: readonly ConflictRow[];
  readonly textRuns: readonly TextRunRow[];
}

/** Where a transaction came from. */
export type Source =
  /** Another node committed it: its rows are that node's to write. */
  | { readonly kind: 'elsewhere' }
  /** Ours to commit. `syncedAt`: when its client was last known to be in sync (ms since the epoch; 0: unknown). */
  | { readonly kind: 'ours'; readonly cause: Cause; readonly syncedAt: number };

/** What a derivation may ask of the board's books. */
export interface BoardBooks {
  readonly boardId: string;
  /** The clock up to which what this client wrote is committed, here or elsewhere. */
  committedUpTo(client: number): number;
  /** Whose client id it is, as far as known. */
  ownerOf(client: number): string | undefined;
}

/** What a derivation knows only from before another node wrote: to be read from the committed rows before the next cut. */
export interface Stale {
  readonly items: readonly string[];
}

export interface Derivation {
  /** In the document's `afterTransaction`. What throws is reported; the rows of what was touched are the derivation's to get right all the same. */
  note(transaction: Transaction, source: Source): void;
  /** Right before a cut: the server's own writes that belong into the same batch. */
  prepare(): void;
  /** Another node may have committed something of what is noted here: in these updates, as far as they have come. */
  doubt(updates: readonly Uint8Array[]): void;
  readonly stale: Stale | null;
  /** The committed state of what was stale when it was asked for; the document is at that head, plus what is noted. */
  rebase(asked: Stale, committed: CommittedRows): void;
  /** @param isUntold rows only, for whose events cannot be made */
  cut(batchId: string, isUntold?: boolean): Derived;
  confirm(): void;
  takeBack(): void;
}

export interface Projection {
  open(document: Doc, books: BoardBooks): Derivation;
}

/** One a document, until its columns change. */
const projectors = new WeakMap<Doc, ReturnType<typeof itemProjector>>();

function projectorOf(document: Doc): ReturnType<typeof itemProjector> {
  const known = projectors.get(document);
  if (known !== undefined) return known;
  const made = itemProjector(document);
  projectors.set(document, made);
  return made;
}

/** What a transaction touched; every derivation asks here, so that rows are read with the columns as they are now. */
export function touchedIn(transaction: Transaction): Touched {
  const touched = touchedBy(transaction);
  if (touched.structure) projectors.delete(transaction.doc);
  return touched;
}

/** The rows of these items, and of the board's own fields if asked for, as the document stands now. */
export function projectedRows(document: Doc, ids: Iterable<ItemId>, structure: boolean): ProjectedRows {
  const items: ItemRow[] = [];
  const goneItems: string[] = [];
  const project = projectorOf(document);
  for (const id of ids) {
    const row = project(id);
    if (row === undefined) goneItems.push(id);
    else items.push(row);
  }
  return { items, goneItems, board: structure ? projectBoard(document) : null };
}

/** Cuts in a row that fail with the same to tell of. */
const MAX_FAILED_CUTS = 3;

/** Cuts that may fail. Nobody's edits stay unsaved for what cannot be told of them: at last they are committed with their rows, and without events. */
export class Telling {
  private readonly derivation: Pick<Derivation, 'cut' | 'takeBack'>;
  private failed = 0;

  constructor(derivation: Pick<Derivation, 'cut' | 'takeBack'>) {
    this.derivation = derivation;
  }

  /** @throws what the derivation throws, which has then lost nothing */
  cut(batchId: string): Derived {
    try {
      const derived = this.derivation.cut(batchId, this.failed >= MAX_FAILED_CUTS);
      this.failed = 0;
      return derived;
    } catch (error) {
      this.failed += 1;
      this.derivation.takeBack();
      throw error;
    }
  }
}

const NO_ROWS: Derived = { items: [], goneItems: [], board: null, events: [], conflicts: [], textRuns: [] };

/** Rows of boards and items, and no events. */
class RowsOnly implements Derivation {
  readonly stale = null;
  private readonly document: Doc;
  private noted = { items: new Set<ItemId>(), structure: false };
  private out = { items: new Set<ItemId>(), structure: false };

  constructor(document: Doc) {
    this.document = document;
  }

  note(transaction: Transaction, source: Source): void {
    const { items, structure } = touchedIn(transaction);
    if (source.kind === 'elsewhere') return;
    for (const id of items) this.noted.items.add(id);
    this.noted.structure ||= structure;
  }

  prepare(): void { /* nothing is written here */ }
  doubt(): void { /* rows are the document's, whoever else wrote them */ }
  rebase(): void { /* nothing is ever stale */ }

  cut(): Derived {
    this.out = this.noted;
    this.noted = { items: new Set(), structure: false };
    return { ...NO_ROWS, ...projectedRows(this.document, this.out.items, this.out.structure) };
  }

  confirm(): void {
    this.out = { items: new Set(), structure: false };
  }

  takeBack(): void {
    this.noted = { items: new Set([...this.out.items, ...this.noted.items]), structure: this.out.structure || this.noted.structure };
    this.confirm();
  }
}

export const boardProjection: Projection = { open: (document) => new RowsOnly(document) };

const NOTHING: Derivation = {
  stale: null,
  note() { /* nothing is projected */ },
  prepare() { /* nothing is written */ },
  doubt() { /* nothing is known */ },
  rebase() { /* nothing is ever stale */ },
  cut: () => NO_ROWS,
  confirm() { /* nothing is kept */ },
  takeBack() { /* nothing is kept */ },
};

export const noProjection: Projection = { open: () => NOTHING };
