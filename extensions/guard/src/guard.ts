/**
 * The guard: every update a client sends is judged before Hocuspocus applies it (invariant 8; the wording of the rules is README.md).
 *
 *   opening ──its Step2 applied──▶ settled ──refused──▶ refused
 *      ▲────────────read-only──────────┘
 *
 * - While a connection is opening, an update that builds on what is not here is emptied, not refused: stock clients send what they
 *   queued offline before the handshake is over, and their Step2 brings all of it again. It is not acknowledged until then. Yjs itself
 *   would keep such updates and apply them later, unjudged.
 * - A refused update is emptied, the connection is refused with its code and muted: nothing of it is applied, nothing acknowledged.
 * - A handshake that passes on what somebody else wrote, who is here and has not told it, is put off: its socket is closed for now, and comes back.
 *   Nobody can tell a client that saw more than this node, of somebody who is only just reconnecting, from one that invents it.
 * - In `beforeSync`, because Hocuspocus queues messages per connection: at the gateway the document would not be what it is applied to.
 *
 * Hooks never throw and never wait for more than `Owners` and `catchUp` do (invariant 11). No timers, no locks.
 */
import type { beforeSyncPayload, Connection, Document, Extension } from '@hocuspocus/server';
import * as Y from 'yjs';
import { ClientBook, SERVER, type Owner, type Owners } from './client-book.ts';
import { decode, isStructless, withoutDeletions, type Decoded } from './decode.ts';
import { Refusal, Untold, type GuardCode } from './faults.ts';
import { judge, type Author, type Role, type Verdict } from './judge.ts';
import { KnownUpdates } from './known-updates.ts';

/** y-protocols/sync. */
const STEP2 = 1;
const UPDATE = 2;
/** Bytes of an update without structs and deletions. What follows them is not read, so zeroes empty an update of any length. */
const EMPTY_UPDATE_BYTES = 2;
const REFUSED_CLOSE_CODE = 4422;

export interface GuardLimits {
  /** Structs of one update. A board of 10 000 items × 12 cells, written anew in one offline session, has about 150 000. */
  readonly maxStructs: number;
  /**
   * Client ids of one update that nobody has written with before. Every page is one, and a board keeps them for ever: Yjs goes through them all with each
   * transaction. Who comes back from an outage of the database may bring those of everybody they worked with.
   */
  readonly maxNewClients: number;
  /** Nesting of a stored value. */
  readonly maxDepth: number;
  /** Updates one connection may send that wait for its handshake. */
  readonly maxWaiting: number;
}

export const GUARD_LIMITS: GuardLimits = { maxStructs: 500_000, maxNewClients: 2000, maxDepth: 16, maxWaiting: 1000 };

export interface GuardOptions {
  readonly limits?: Partial<GuardLimits>;
  /** Who sends on a connection. Default: `userId` and `role` of its context, an editor where there is no role. */
  readonly who?: (connection: Connection) => Author;
  /** What somebody may do whose structs another passes on; null: nothing. Default: as an editor. Never rejects. */
  readonly roleOf?: (documentName: string, userId: string) => Promise<Role | null>;
  readonly owners?: Owners;
  /** Brings the document to what is committed, which other nodes may be ahead with. Never rejects. */
  readonly catchUp?: (documentName: string) => Promise<void>;
  /** Ends one document on one connection, with a stable code. Default: Hocuspocus' in-band close. */
  readonly refuse?: (connection: Connection, code: GuardCode) => void;
  /** Closes the whole socket, so that it comes back. Default: as `refuse`. */
  readonly putOff?: (connection: Connection) => void;
  /** An update brought so many new client ids, all its sender's from then on. */
  readonly claimed?: (connection: Connection, clients: number) => void;
  /** An update was emptied because it came before what it builds on. */
  readonly waited?: () => void;
  /** The guard itself failed on an update, which was refused. */
  readonly failed?: (documentName: string, error: unknown) => void;
}

type Phase = { kind: 'opening'; waiting: number } | { kind: 'settled' } | { kind: 'refused' };

interface Frame {
  readonly connection: Connection;
  readonly document: Document;
  readonly type: number;
  readonly bytes: Uint8Array;
  readonly update: Decoded;
  readonly sender: Author;
}

const PASSED = Promise.resolve();
const NOBODY: ReadonlyMap<number, Author> = new Map();

export function createGuard(options: GuardOptions = {}): Extension {
  const guard = new Guard(options);
  return {
    extensionName: 'guard',
    // Before everything else looks at an update.
    priority: 2000,
    beforeSync: (payload) => guard.beforeSync(payload),
  };
}

const byContext = ({ context }: Connection): Author => authorIn(context);
const authorIn = (context: unknown): Author => {
  if (typeof context !== 'object' || context === null) return { userId: null, role: 'editor' };
  return {
    userId: 'userId' in context && typeof context.userId === 'string' ? context.userId : null,
    role: 'role' in context && isRole(context.role) ? context.role : 'editor',
  };
};
const isRole = (role: unknown): role is Role => role === 'owner' || role === 'editor' || role === 'commenter' || role === 'viewer';

class Guard {
  private readonly options: GuardOptions;
  private readonly limits: GuardLimits;
  private readonly book: ClientBook;
  private readonly known = new KnownUpdates();
  private readonly phases = new WeakMap<Connection, Phase>();

  constructor(options: GuardOptions) {
    this.options = options;
    this.limits = { ...GUARD_LIMITS, ...options.limits };
    this.book = new ClientBook(options.owners ?? null);
  }

  beforeSync({ connection, document, type, payload }: beforeSyncPayload): Promise<void> {
    if (type !== STEP2 && type !== UPDATE) return PASSED;
    const phase = this.phaseOf(connection);
    if (phase.kind === 'refused') {
      empty(payload);
      return PASSED;
    }
    if (connection.readOnly) {
      // Not applied, so that what follows a promotion builds on it: its Step2 must come first.
      this.phases.set(connection, { kind: 'opening', waiting: 0 });
      return PASSED;
    }
    if (isStructless(payload) && this.known.has(document, payload)) {
      if (type === STEP2) this.settle(connection);
      return PASSED;
    }
    let frame: Frame;
    try {
      const update = decode(payload, this.limits.maxStructs, document.store.clients.size + this.limits.maxNewClients);
      frame = { connection, document, type, bytes: payload, update, sender: this.senderOf(connection) };
    } catch (error) {
      this.end(connection, payload, error);
      return PASSED;
    }
    if (this.strangers(frame).length > 0) return this.judgeStrange(frame);
    try {
      this.conclude(frame, this.judge(frame));
    } catch (error) {
      // Before its handshake a client repeats what another node may have committed, which we may not have heard of yet.
      if (type === STEP2 || phase.kind === 'opening') return this.judgeAgain(frame, error);
      this.end(connection, payload, error);
    }
    return PASSED;
  }

  private senderOf(connection: Connection): Author {
    return (this.options.who ?? byContext)(connection);
  }

  private phaseOf(connection: Connection): Phase {
    let phase = this.phases.get(connection);
    if (phase === undefined) {
      phase = { kind: 'opening', waiting: 0 };
      this.phases.set(connection, phase);
    }
    return phase;
  }

  /** Clients with new structs that are not known to be the sender's. */
  private strangers({ document, update, sender }: Frame): number[] {
    if (sender.userId === null) return [];
    const strange: number[] = [];
    for (const { client, end } of update.sections.values()) {
      if (end > Y.getState(document.store, client) && this.book.ownerOf(document, client) !== sender.userId) strange.push(client);
    }
    return strange;
  }

  /** Ids seen for the first time, and structs that somebody passes on for somebody else. */
  private async judgeStrange(frame: Frame): Promise<void> {
    const { connection, document, bytes } = frame;
    const unknown = this.strangers(frame).filter((client) => this.book.ownerOf(document, client) === undefined);
    if (unknown.length > this.limits.maxNewClients) {
      this.end(connection, bytes, new Refusal('update_too_complex'));
      return undefined;
    }
    if (unknown.length > 0) await this.book.learn(document, unknown, (client) => Y.getState(document.store, client) > 0);
    if (this.foreign(frame).length > 0) return this.judgeAgain(frame, null);
    try {
      this.conclude(frame, this.judge(frame));
    } catch (error) {
      return this.judgeAgain(frame, error);
    }
  }

  /** Once more, on top of all that is committed: what looked new, or was missing, may be known then. */
  private async judgeAgain(frame: Frame, before: unknown): Promise<void> {
    const { connection, document, bytes, type } = frame;
    try {
      if (this.options.catchUp === undefined && before !== null) throw before;
      await this.options.catchUp?.(document.name);
      const authors = new Map<number, Author>();
      // Whoever claims an id while we ask is heard, too: after the last question nothing is waited for.
      for (let asked = false; !asked; ) {
        asked = true;
        for (const [client, owner] of this.foreign(frame)) {
          if (authors.has(client)) continue;
          authors.set(client, await this.relayed(document, client, owner));
          asked = false;
        }
      }
      this.conclude(frame, this.judge(frame, authors));
    } catch (error) {
      this.end(connection, bytes, error, type === STEP2 && error instanceof Untold);
    }
  }

  /** New structs of other people's clients. */
  private foreign(frame: Frame): [number, Owner][] {
    return this.strangers(frame).flatMap((client) => {
      const owner = this.book.ownerOf(frame.document, client);
      return owner === undefined ? [] : [[client, owner]];
    });
  }

  /** Who answers for structs passed on. @throws Refusal update_foreign_client where nobody can have any to pass on; Untold where nobody should */
  private async relayed(document: Document, client: number, owner: Owner): Promise<Author> {
    if (owner === SERVER) throw new Refusal('update_foreign_client');
    if (this.book.isLive(document, client)) throw new Untold();
    if (this.options.owners?.present(document.name, client) === owner) {
      const own = document.getConnections().filter((connection) => this.senderOf(connection).userId === owner);
      // Here with this very id: on this node, and all told; or elsewhere, and nothing written yet.
      const told = own.length > 0 && own.every((connection) => this.phaseOf(connection).kind === 'settled');
      if (told || (own.length === 0 && Y.getState(document.store, client) === 0)) throw new Untold();
    }
    const role = this.options.roleOf === undefined ? 'editor' : await this.options.roleOf(document.name, owner);
    return { userId: owner, role: role ?? 'viewer' };
  }

  private judge({ document, update, sender }: Frame, authors: ReadonlyMap<number, Author> = NOBODY): Verdict {
    return judge({ doc: document, update, sender, maxDepth: this.limits.maxDepth, authorOf: (client) => authors.get(client) ?? sender });
  }

  private conclude({ connection, document, type, bytes, update, sender }: Frame, verdict: Verdict): void {
    if (verdict === 'incomplete') {
      const phase = this.phaseOf(connection);
      if (type === STEP2 || phase.kind !== 'opening' || ++phase.waiting > this.limits.maxWaiting) throw new Refusal('update_incomplete');
      this.options.waited?.();
      empty(bytes);
      return;
    }
    if (verdict === 'untidy') withoutDeletions(bytes, update);
    if (type === STEP2) this.settle(connection);
    const settled = this.phaseOf(connection).kind === 'settled';
    if (sender.userId !== null) {
      let claimed = 0;
      for (const { client, structs, end } of update.sections.values()) {
        if (structs.length === 0) continue;
        // Who repeats what is known has not written it.
        if (end > Y.getState(document.store, client) && this.book.claim(document, client, sender.userId)) claimed += 1;
        if (settled && this.book.ownerOf(document, client) === sender.userId) this.book.settle(document, client, connection);
      }
      if (claimed > 0) this.options.claimed?.(connection, claimed);
    }
    if (type === STEP2 && update.sections.size === 0 && verdict === 'fine') this.known.add(document, bytes);
  }

  private settle(connection: Connection): void {
    this.phases.set(connection, { kind: 'settled' });
  }

  /** Nothing of it is applied, and nothing said on this connection any more but why. */
  private end(connection: Connection, bytes: Uint8Array, error: unknown, forNow = false): void {
    const code = error instanceof Refusal ? error.code : 'malformed_update';
    this.phases.set(connection, { kind: 'refused' });
    if (!(error instanceof Refusal)) this.options.failed?.(connection.document.name, error);
    if (forNow && this.options.putOff !== undefined) this.options.putOff(connection);
    else if (this.options.refuse === undefined) connection.close({ code: REFUSED_CLOSE_CODE, reason: code });
    else this.options.refuse(connection, code);
    // Hocuspocus acknowledges the emptied update, and whatever is queued behind it.
    connection.send = () => { /* refused */ };
    empty(bytes);
  }
}

/** Makes an update one that does nothing, in place: a hook cannot take one away without Hocuspocus printing an error for it. */
function empty(update: Uint8Array): void {
  if (update.length < EMPTY_UPDATE_BYTES) throw new Error(''); // too short to be one: Hocuspocus ends the connection
  update.fill(0);
}
