/**
 * One open board: its document, the offline copy, the attachment to the server, the reads over it, and the gate every write passes.
 *
 * Lifecycle of its copy of the document (a `Copy`): made → offline copy read → attached → (refused → fresh copy | attached again) → ended.
 * Guarantees: nothing is written to a board that would not take it (refused, read-only, not loaded); a refusal keeps the draft.
 */
import { asColumnId, asItemId, longText, SCHEMA_VERSION, touchedBy, type WriteContext } from '@sunday/board-model';
import { Awareness } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { Attachment } from './attachment.ts';
import { replay } from './changes.ts';
import { Comments } from './comments.ts';
import { Conflicts } from './conflicts.ts';
import { draftChanges } from './draft.ts';
import { ClientError, taintsLocalCopy } from './errors.ts';
import { History } from './history.ts';
import { Items } from './items.ts';
import { Listeners } from './listeners.ts';
import { BoardPresence } from './presence.ts';
import type { Socket } from './socket.ts';
import { BoardStore, type OfflineDatabase } from './store.ts';
import { Structure } from './structure.ts';
import type {
  Board, BoardStatus, Change, ClientUser, Listener, Refusal, ReplayResult, SkippedChange, SyncState, UndoResult, Unsubscribe
} from './types.ts';
import type { Writes } from './writes.ts';

const REPLAY_PART = 100; // changes; some 10 KB each at most, far below the server's frame limit

export interface BoardOptions {
  readonly id: string;
  readonly socket: Socket;
  readonly token: () => Promise<string>;
  readonly tokenRenewable: boolean;
  readonly user: () => ClientUser | null;
  /** The database of the offline copies; null: none is kept. */
  readonly database: () => Promise<OfflineDatabase | null>;
  readonly release: () => void;
}

/** Everything that goes when the board starts fresh. */
interface Copy {
  readonly doc: Y.Doc;
  readonly awareness: Awareness;
  store: BoardStore | null;
  attachment: Attachment | null;
  /** It has content to show, from the offline copy or the server. */
  loaded: boolean;
  /** Its offline copy was thrown away: going on with it would keep nothing. */
  cleared: boolean;
  ended: boolean;
}

interface Gate {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class OpenBoard implements Board {
  readonly id: string;
  readonly presence = new BoardPresence();
  readonly items: Items;
  readonly comments: Comments;
  readonly conflicts: Conflicts;
  readonly history: History;
  readonly #structure: Structure;
  readonly #options: BoardOptions;
  readonly #writes: Writes;
  readonly #listeners = new Listeners();
  /** The origin of this board's own transactions. */
  readonly #origin = { client: 'sunday' };
  #copy: Copy;
  #ready: Gate;
  #waiting: Gate[] = [];
  #refusal: Refusal | null = null;
  #status: BoardStatus = { loaded: false, sync: 'saved', unsaved: false, readOnly: null, refused: null };
  #changes: Change[] = []; // of this session, since everything was last committed
  #batching = 0;
  #typing: string | null = null; // the long text being written
  #destroyed = false;

  constructor(options: BoardOptions) {
    this.id = options.id;
    this.#options = options;
    this.#writes = {
      doc: () => this.#copy.doc,
      batching: () => this.#batching > 0,
      write: (work, comment) => this.#write(work, comment)
    };
    this.#structure = new Structure(this.#writes);
    this.items = new Items(this.#writes, () => this.#structure.groups.all);
    this.comments = new Comments(this.#writes);
    this.conflicts = new Conflicts(this.items, (id, choice) => this.#copy.attachment?.resolve(id, choice));
    this.history = new History(this.#writes);
    this.#ready = gate();
    this.#copy = this.#begin();
  }

  get info(): Board['info'] { return this.#structure.info; }
  get columns(): Board['columns'] { return this.#structure.columns; }
  get groups(): Board['groups'] { return this.#structure.groups; }
  get doc(): Y.Doc { return this.#copy.doc; }
  get ready(): Promise<void> { return this.#ready.promise; }
  get status(): BoardStatus { return this.#status; }

  /** Closing now would lose edits, or cut off ones that are on their way. */
  get mustStay(): boolean {
    const { unsaved, refused, sync } = this.#status;
    const kept = this.#copy.store !== null && !this.#copy.store.failed;
    return unsaved && !refused && (!kept || sync === 'saving');
  }

  on(_event: 'status', fn: Listener): Unsubscribe { return this.#listeners.add(fn); }
  undo(): UndoResult { return this.history.undo(); }
  redo(): UndoResult { return this.history.redo(); }
  close(): void { this.#options.release(); }

  saved(): Promise<void> {
    const waiting = gate();
    if (this.#destroyed) waiting.reject(closed());
    else if (this.#refusal) waiting.reject(refusal(this.#refusal.code));
    else this.#waiting.push(waiting);
    this.#update();
    return waiting.promise;
  }

  batch<T>(fn: () => T): T {
    return this.#write(() => fn());
  }

  longText(itemId: string, columnId: string): Y.Text {
    return longText(this.#copy.doc, asItemId(itemId), asColumnId(columnId));
  }

  setLongText(itemId: string, columnId: string, text: string): void {
    this.#typing = `${itemId}:${columnId}`;
    try {
      this.items.update(itemId, { values: { [columnId]: text } });
    } finally {
      this.#typing = null;
    }
  }

  async startFresh(options: { readonly replay?: boolean } = {}): Promise<ReplayResult> {
    const refused = this.#refusal;
    if (!refused) throw new ClientError('refused', 'Not refused');
    await this.#renew();
    await this.#ready.promise;
    const result: { applied: number; skipped: SkippedChange[] } = { applied: 0, skipped: [] };
    // In parts: a draft that was too large for one frame must not become one again.
    const changes = options.replay === true ? draftChanges(refused.draft.update, this.#copy.doc) : [];
    for (let i = 0; i < changes.length; i += REPLAY_PART) {
      const { applied, skipped } = replay(this.#writes, changes.slice(i, i + REPLAY_PART));
      result.applied += applied;
      result.skipped.push(...skipped);
    }
    return result;
  }

  /** Tries again after a refusal of access: the local copy was sound all along, if it was kept. */
  reattach(): void {
    const refused = this.#refusal;
    if (!refused || this.#destroyed || taintsLocalCopy(refused.code)) return;
    if (this.#copy.cleared) {
      void this.#renew();
      return;
    }
    if (!this.#status.loaded) this.#ready = gate();
    this.#refusal = null;
    this.#attach(this.#copy, this.#status.unsaved);
    this.#update();
  }

  async destroy(): Promise<void> {
    if (this.#destroyed) return;
    this.#destroyed = true;
    const error = closed();
    this.#ready.reject(error);
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
    await this.#end(this.#copy, 'keep');
  }

  /** A fresh copy in the place of a refused one. */
  async #renew(): Promise<void> {
    await this.#end(this.#copy, 'clear');
    if (this.#destroyed) throw closed();
    this.#ready = gate();
    this.#changes = [];
    this.#refusal = null;
    this.#copy = this.#begin();
    this.#structure.refresh().announce();
    this.items.reset();
    this.comments.reset();
    this.#update();
  }

  #begin(): Copy {
    const doc = new Y.Doc({ guid: this.id });
    const awareness = new Awareness(doc);
    const copy: Copy = { doc, awareness, store: null, attachment: null, loaded: false, cleared: false, ended: false };
    doc.on('afterTransaction', this.#transactionDone);
    this.history.clear();
    void this.#load(copy);
    return copy;
  }

  async #load(copy: Copy): Promise<void> {
    const database = await this.#options.database();
    if (copy.ended) return;
    let unsaved = false;
    if (database) {
      copy.store = new BoardStore(database.opened, this.id, copy.doc);
      const stored = await copy.store.load();
      if (copy.ended) return;
      copy.loaded = !stored.empty;
      unsaved = stored.unsaved;
    }
    this.#attach(copy, unsaved);
    this.#update();
  }

  #attach(copy: Copy, unsaved: boolean): void {
    const { socket, token, tokenRenewable } = this.#options;
    copy.attachment = new Attachment({
      socket, token, tokenRenewable, unsaved,
      boardId: this.id, doc: copy.doc, awareness: copy.awareness, schemaVersion: SCHEMA_VERSION, storeOrigin: copy.store,
      changed: () => this.#update(),
      saved: () => {
        this.#changes = [];
        void copy.store?.markSaved();
      },
      refused: (code) => this.#refused(copy, code),
      crowded: this.presence.crowded,
      conflicts: this.conflicts
    });
    this.presence.bind(copy.awareness);
    copy.attachment.start();
  }

  async #end(copy: Copy, stored: 'keep' | 'clear'): Promise<void> {
    copy.ended = true;
    copy.doc.off('afterTransaction', this.#transactionDone);
    copy.attachment?.end(true);
    this.presence.bind(null);
    await (stored === 'keep' ? copy.store?.close() : copy.store?.clear());
    copy.awareness.destroy();
    copy.doc.destroy();
  }

  #refused(copy: Copy, code: string): void {
    const draft = { update: Y.encodeStateAsUpdate(copy.doc), changes: this.#changes };
    const unsaved = copy.attachment?.unsaved ?? false;
    this.#refusal = { code, draft };
    // A copy the server will never take must not come back with a reload. One of a board the user was removed from goes too, unless
    // it holds work of theirs.
    if (taintsLocalCopy(code) || (!unsaved && (code === 'forbidden' || code === 'board_not_found'))) {
      copy.cleared = true;
      void copy.store?.clear();
    }
    const error = refusal(code);
    this.#ready.reject(error);
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
    this.#update();
  }

  #write<T>(work: (doc: Y.Doc, context: WriteContext) => T, comment?: boolean): T {
    const user = this.#options.user();
    const { readOnly, loaded } = this.#status;
    if (this.#destroyed) throw closed();
    if (this.#refusal) throw refusal(this.#refusal.code);
    if (!loaded) throw new ClientError('not_loaded', 'Wait for board.ready');
    if (readOnly !== null && !(comment && readOnly === 'comments_only')) throw new ClientError('read_only', `Read-only: ${readOnly}`, readOnly);
    if (!user) throw new ClientError('user_unknown', 'No user: pass one');
    const { doc } = this.#copy;
    if (this.#batching === 0) {
      this.#structure.prime();
      this.items.prime();
    }
    return doc.transact(() => {
      this.#batching += 1;
      try {
        return work(doc, { userId: user.id, origin: this.#origin });
      } finally {
        this.#batching -= 1;
      }
    }, this.#origin);
  }

  readonly #transactionDone = (transaction: Y.Transaction): void => {
    if (transaction.changed.size === 0) return;
    const touched = touchedBy(transaction);
    const items = this.items.refresh(touched.items);
    const comments = this.comments.refresh(touched.comments);
    const structure = touched.structure ? this.#structure.refresh() : null;
    if (transaction.local) {
      const changes = [...(structure?.changes ?? []), ...items, ...comments];
      this.#changes.push(...changes);
      if (transaction.origin === this.#origin) this.history.record(changes, this.#typing);
    }
    // Listeners come last: what they read is all of the new state.
    structure?.announce();
    this.comments.announce(touched.comments);
    if (structure?.effect === 'all_items') this.items.reset();
    else {
      this.items.announce(touched.items);
      if (structure?.effect === 'group_order') this.items.reorder();
    }
  };

  /** Brings `status` in line with the parts; one new object, and one call of the listeners, for each real change. */
  #update(): void {
    const { attachment } = this.#copy;
    const refused = this.#refusal;
    const unsaved = attachment?.unsaved ?? false;
    this.#copy.loaded ||= attachment?.synced === true;
    const next: BoardStatus = {
      loaded: this.#copy.loaded,
      sync: this.#syncState(unsaved),
      unsaved,
      readOnly: attachment?.readOnly ?? null,
      refused
    };
    const before = this.#status;
    const changed = (Object.keys(next) as (keyof BoardStatus)[]).some((key) => next[key] !== before[key]);
    if (changed) this.#status = next;
    if (next.loaded) this.#ready.resolve();
    if (!unsaved && !refused && next.loaded) for (const waiting of this.#waiting.splice(0)) waiting.resolve();
    if (changed) this.#listeners.emit();
  }

  #syncState(unsaved: boolean): SyncState {
    const { attachment } = this.#copy;
    if (this.#refusal || attachment?.lost === true) return 'offline';
    if (attachment?.volatile === true) return 'volatile';
    return unsaved ? 'saving' : 'saved';
  }
}

const closed = (): ClientError => new ClientError('destroyed', 'Closed');
const refusal = (code: string): ClientError => new ClientError('refused', `Refused: ${code}`, code);

function gate(): Gate {
  const made = Promise.withResolvers<void>();
  made.promise.catch(() => undefined); // whoever does not wait for it learns it from the status
  return made;
}
