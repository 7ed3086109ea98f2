/**
 * One document on the socket: signs in, syncs, and knows what of it is committed.
 *
 * Honest by construction: `unsaved` turns true with a local edit, and false only when the server acknowledged as durable every frame
 * that could hold one, on this attachment. A lost connection acknowledges nothing: the next handshake sends (as its Step2) whatever the
 * server lacks, and that frame's acknowledgement is what counts. Edits made before the server's Step1 was answered go with the answer,
 * never as frames of their own, which the server would have to park. What others wrote is applied after that answer: Yjs drops the value of
 * a write that lost, and the server could not say any more what was lost. Each edit leaves in its own frame, at once.
 * Owns the listeners on the document and the awareness, and the retry timer, until `end`.
 */
import { applyAwarenessUpdate, encodeAwarenessUpdate, removeAwarenessStates, type Awareness } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { retryDelay } from './backoff.ts';
import type { Conflicts } from './conflicts.ts';
import { judge } from './errors.ts';
import type { BoardHandler, Socket } from './socket.ts';
import type { ConflictChoice, PresenceCrowd } from './types.ts';
import { authFrame, awarenessFrame, statelessFrame, step1Frame, step2Frame, updateFrame, type Frame, type Incoming } from './wire.ts';

const SDK_VERSION = '0.1.0';
const UNKNOWN_REASON_TRIES = 5; // about eight seconds of jittered tries, then the user hears the reason
const REATTACH_PAUSE_MS = 50; // lets the CLOSE that follows a PermissionDenied pass before we sign in again

export interface AttachmentOptions {
  readonly socket: Socket;
  readonly boardId: string;
  readonly doc: Y.Doc;
  readonly awareness: Awareness;
  readonly schemaVersion: number;
  readonly token: () => Promise<string>;
  /** Whether a refused token can be replaced by fetching another. */
  readonly tokenRenewable: boolean;
  /** Transactions of this origin repeat what a store holds: they are no new edits. */
  readonly storeOrigin: object | null;
  /** The document holds edits of an earlier session that were never acknowledged. */
  readonly unsaved: boolean;
  /** Something of the public state below changed. */
  readonly changed: () => void;
  /** Everything is committed (again). */
  readonly saved: () => void;
  readonly refused: (code: string) => void;
  readonly crowded: (crowd: PresenceCrowd | null) => void;
  readonly conflicts: Pick<Conflicts, 'opened' | 'closed'>;
}

type Phase = 'offline' | 'signing_in' | 'attached' | 'ended';

interface AwarenessChange {
  readonly added: number[];
  readonly updated: number[];
  readonly removed: number[];
}

export class Attachment implements BoardHandler {
  // What the board reads of it, and nobody else writes.
  unsaved: boolean;
  synced = false; // content of the server arrived at least once
  lost = false; // out of touch with the server, after at least one try
  volatile = false;
  readOnly: string | null = null;
  readonly #options: AttachmentOptions;
  #phase: Phase = 'offline';
  #epoch = 0; // of the attachment: what an earlier one still awaits is void
  #sent = 0; // sync frames (Step2 and Update) sent on this attachment
  #acked = 0;
  #decisive = 0; // the newest frame that may hold an unsaved edit
  #answered = false; // the server's Step1 was answered: edits may now go out one by one
  #held: Incoming[] = []; // updates that came before: applied, they would take the value from a write of ours that lost to one of them
  #dirty = false; // there are edits in no frame of this attachment
  #rejected = false; // a frame of this attachment was not applied: it will never be acknowledged, nor any after it
  #strikes = 0;
  #tokenRetried = false;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(options: AttachmentOptions) {
    this.#options = options;
    this.unsaved = options.unsaved;
    this.#dirty = options.unsaved;
    options.doc.on('update', this.#documentChanged);
    options.awareness.on('update', this.#awarenessChanged);
  }

  /** May call `refused` at once, when the socket already is. */
  start(): void {
    this.#options.socket.attach(this.#options.boardId, this);
  }


  end(tellServer: boolean): void {
    if (this.#phase === 'ended') return;
    const { doc, awareness, socket, boardId } = this.#options;
    doc.off('update', this.#documentChanged);
    if (this.#phase !== 'offline') removeAwarenessStates(awareness, [doc.clientID], 'end');
    awareness.off('update', this.#awarenessChanged);
    this.#reset('ended');
    socket.detach(boardId, this, tellServer);
  }

  opened(): void {
    if (this.#phase === 'offline') void this.#signIn();
  }

  closed(): void {
    if (this.#phase === 'ended') return;
    this.#reset('offline');
    this.lost = true;
    this.#options.changed();
  }

  resolve(id: string, choice: ConflictChoice): void {
    if (this.#phase === 'attached') this.#send(statelessFrame(this.#options.boardId, { sunday: 'resolve', id, choice }));
  }

  probe(): void {
    const { awareness } = this.#options;
    awareness.setLocalState(awareness.getLocalState()); // a heartbeat: the server echoes it
  }

  refused(reason: string): void {
    this.end(false);
    this.#options.refused(reason);
  }

  received(message: Incoming): void {
    if (this.#phase === 'offline' || this.#phase === 'ended') return;
    try {
      this.#handle(message);
    } catch (error) {
      // Bytes that cannot be applied: a fresh handshake asks for them again; repeated, it is reported as a refusal.
      console.error('Sunday:', error);
      this.#turnedAway('unreadable_frame');
    }
  }

  async #signIn(): Promise<void> {
    const { boardId, doc, schemaVersion } = this.#options;
    this.#reset('signing_in');
    const epoch = this.#epoch;
    let token: string;
    try {
      token = await this.#options.token();
    } catch {
      if (epoch === this.#epoch) this.#tryAgain(this.#strikes++);
      return;
    }
    if (epoch !== this.#epoch) return;
    // Sent without waiting for the sign-in: the server queues them behind it, which saves a round trip.
    this.#send(authFrame(boardId, token, SDK_VERSION));
    this.#send(statelessFrame(boardId, { sunday: 'hello', clientId: doc.clientID, schemaVersion, sdk: SDK_VERSION }));
    this.#send(step1Frame(boardId, Y.encodeStateVector(doc)));
    // A new clock: the server may have told others that this client left.
    this.probe();
  }

  #handle(message: Incoming): void {
    const { boardId, doc, awareness } = this.#options;
    switch (message.kind) {
      case 'authenticated':
        if (this.#phase === 'signing_in') this.#options.conflicts.closed(); // all that are open come after our hello
        this.#phase = 'attached';
        this.#tokenRetried = false;
        this.readOnly = message.readOnly ? (this.readOnly ?? 'read_only') : null;
        break;
      case 'step1':
        // Asked again on a running attachment: one may write now.
        if (this.#answered) this.readOnly = null;
        if (this.#rejected) this.#restart();
        else this.#answer(message.vector);
        for (const held of this.#held.splice(0)) this.#handle(held);
        break;
      case 'update':
        if (!this.#answered) {
          this.#held.push(message);
          return;
        }
        Y.applyUpdate(doc, message.update, this);
        if (!message.isStep2) return;
        this.synced = true;
        this.#strikes = 0;
        this.#options.socket.proven();
        break;
      case 'ack':
        this.#acked = Math.max(this.#acked, Math.min(message.frames, this.#sent));
        this.#settle();
        return;
      case 'rejected':
        this.#rejected = true;
        this.readOnly ??= 'read_only';
        break;
      case 'volatile':
        this.volatile = message.on;
        break;
      case 'read_only':
        this.readOnly = message.reason;
        break;
      case 'crowd':
        this.#options.crowded(message.crowd);
        return;
      case 'conflict':
        this.#options.conflicts.opened(message.conflict);
        return;
      case 'conflict_closed':
        this.#options.conflicts.closed(message.id);
        return;
      case 'awareness':
        applyAwarenessUpdate(awareness, message.update, this);
        return;
      case 'query_awareness':
        this.#send(awarenessFrame(boardId, encodeAwarenessUpdate(awareness, [doc.clientID])));
        return;
      case 'token_wanted':
        void this.#renewToken();
        return;
      case 'denied':
        this.#turnedAway(message.reason);
        return;
      case 'closed':
        // Before the sign-in was accepted it can only be about an earlier attachment.
        if (this.#phase === 'attached') this.#turnedAway(message.reason);
        return;
    }
    this.#options.changed();
  }

  /** The server told what it has; what it lacks goes out as one frame. The server may ask again at any time. */
  #answer(vector: Uint8Array): void {
    const { boardId, doc } = this.#options;
    if (!this.#send(step2Frame(boardId, Y.encodeStateAsUpdate(doc, vector)))) return;
    this.#sent += 1;
    this.#answered = true;
    this.lost = false;
    this.#dirty = false;
    if (this.unsaved) this.#decisive = this.#sent;
  }

  readonly #documentChanged = (update: Uint8Array, origin: unknown, _doc: Y.Doc, transaction: Y.Transaction): void => {
    const { boardId, doc, storeOrigin } = this.#options;
    // An observer that writes while a remote update is applied joins its transaction: its edit must go out all the same.
    if (origin === this && transaction.afterState.get(doc.clientID) === transaction.beforeState.get(doc.clientID)) return;
    // Without a store there is no such origin; a bare write to a Y.Text has the origin null, and is an edit.
    if (storeOrigin === null || origin !== storeOrigin) this.unsaved = true;
    if (this.#answered && this.#send(updateFrame(boardId, update))) {
      this.#sent += 1;
      if (this.unsaved) this.#decisive = this.#sent;
    } else {
      this.#dirty = this.unsaved;
    }
    this.#options.changed();
  };

  #settle(): void {
    if (!this.unsaved || this.#dirty || !this.#answered || this.#acked < this.#decisive) return;
    this.unsaved = false;
    this.#options.saved();
    this.#options.changed();
  }

  readonly #awarenessChanged = ({ added, updated, removed }: AwarenessChange, origin: unknown): void => {
    const { boardId, doc, awareness } = this.#options;
    if (origin === this || this.#phase === 'offline' || this.#phase === 'ended') return;
    // Only one's own: the server knows better who else is there.
    if (![...added, ...updated, ...removed].includes(doc.clientID)) return;
    this.#send(awarenessFrame(boardId, encodeAwarenessUpdate(awareness, [doc.clientID])));
  };

  async #renewToken(): Promise<void> {
    const epoch = this.#epoch;
    try {
      const token = await this.#options.token();
      if (epoch === this.#epoch) this.#send(authFrame(this.#options.boardId, token, SDK_VERSION));
    } catch {
      // The server closes the attachment when the old token ends; that path fetches again and reports.
    }
  }

  #turnedAway(reason: string): void {
    const verdict = judge(reason);
    if (verdict === 'retry' || (verdict === 'retry_some' && this.#strikes < UNKNOWN_REASON_TRIES)) {
      this.#tryAgain(this.#strikes++);
    } else if (verdict === 'fetch_token' && this.#options.tokenRenewable && !this.#tokenRetried) {
      this.#tokenRetried = true;
      this.#tryAgain(0);
    } else {
      this.refused(reason);
    }
  }

  /** Leaves and comes again on the same socket, so that frames are counted afresh. */
  #restart(): void {
    const { socket, boardId } = this.#options;
    this.#reset('offline');
    socket.detach(boardId, this, true);
    socket.attach(boardId, this);
  }

  #tryAgain(attempt: number): void {
    this.#reset('offline');
    this.lost = true;
    this.#retry = setTimeout(() => this.opened(), REATTACH_PAUSE_MS + retryDelay(attempt));
    this.#options.changed();
  }

  /** Forgets the attachment. What was sent but not acknowledged on it counts as not sent. */
  #reset(phase: Phase): void {
    const { doc, awareness } = this.#options;
    clearTimeout(this.#retry);
    this.#phase = phase;
    this.#epoch += 1;
    this.#sent = 0;
    this.#acked = 0;
    this.#decisive = 0;
    this.#answered = false;
    this.#held = [];
    this.#dirty = this.unsaved;
    this.volatile = false;
    this.#rejected = false;
    this.#options.crowded(null);
    const others = [...awareness.meta.keys()].filter((id) => id !== doc.clientID);
    removeAwarenessStates(awareness, others, this);
    // With the clocks gone too, a peer that did not move meanwhile is taken in again at once.
    for (const id of others) awareness.meta.delete(id);
  }

  #send(frame: Frame): boolean {
    return this.#options.socket.send(frame, this.#options.boardId);
  }
}
