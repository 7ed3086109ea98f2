/**
 * Joins a fan-out to a Hocuspocus server with the journal, and to a presence lane: what is committed here goes to the other
 * nodes, what they committed comes in, and whatever a fan-out may lose is followed in the journal.
 *
 * Guarantees (invariant 9, docs/architecture.md): a board is subscribed to before it is read from the database, and looked at again if
 * anything came meanwhile, so that no batch falls between; every open board is held against its head in the journal every few
 * seconds (one query for all), and every second while the way between nodes is down. No handler throws.
 * Owns that one timer. Does not: start before `start`.
 */
import type { Extension, Hocuspocus } from '@hocuspocus/server';
import type { BoardMessage, Fanout, FanoutHandlers } from './fanout.ts';

/** What is lost without a trace (the last batch before a quiet time, a node cut off from Redis alone) is found after this long. */
const FOLLOW_MS = 5_000;
/** While nothing comes from other nodes, people still see each other's edits within about a second. */
const FOLLOW_ALONE_MS = 1_000;

/** The journal, as the fan-out uses it. */
export interface FollowedJournal {
  receive(boardId: string, seq: number, update: Uint8Array | null): void;
  receiveVolatile(batch: { boardId: string; update: Uint8Array; authors: readonly string[]; clients: ReadonlyMap<number, string> }): void;
  /** Never rejects. */
  follow(boardIds?: readonly string[]): Promise<void>;
}

/** The presence lane, as the fan-out uses it. */
export interface PresenceLane {
  receiveRemote(boardId: string, message: Uint8Array): void;
  removeNode(nodeId: string): void;
  announce(): void;
}

export interface JoinFanoutOptions {
  readonly fanout: Fanout;
  readonly journal: FollowedJournal;
  readonly presence?: PresenceLane;
  /** State changes, traffic and drops, for logs and metrics. */
  readonly observe?: Pick<FanoutHandlers, 'state' | 'trouble' | 'sent' | 'received' | 'dropped' | 'nodeHere' | 'nodeGone'>;
}

export interface JoinedFanout {
  /** To be among the server's extensions, beside the journal's. */
  readonly extension: Extension;
  /** Resolves when the way is open, or after a moment without it. */
  start(): Promise<void>;
  /** Says goodbye. After the journal has drained, so that its last batches are told. */
  stop(): Promise<void>;
}

export function joinFanout({ fanout, journal, presence, observe = {} }: JoinFanoutOptions): JoinedFanout {
  /** Boards being loaded, and whether a message came for them meanwhile, which nobody could take yet. */
  const loading = new Map<string, boolean>();
  const owed = new Set<string>();
  let followAll = false;
  let following = false;
  let timer: NodeJS.Timeout | null = null;
  let hocuspocus: Hocuspocus | null = null;

  /** One at a time; what is asked for meanwhile is done right after. `null`: all. */
  function follow(boardId: string | null): void {
    if (boardId === null) followAll = true;
    else owed.add(boardId);
    if (!following) void run();
  }

  async function run(): Promise<void> {
    following = true;
    while (followAll || owed.size > 0) {
      const boardIds = followAll ? undefined : [...owed];
      followAll = false;
      owed.clear();
      await journal.follow(boardIds);
    }
    following = false;
  }

  function tick(): void {
    timer = setTimeout(() => {
      closeUnloaded();
      follow(null);
      tick();
    }, fanout.state === 'ok' ? FOLLOW_MS : FOLLOW_ALONE_MS);
    timer.unref();
  }

  /** A load that failed leaves no trace in Hocuspocus but the missing document. */
  function closeUnloaded(): void {
    for (const boardId of fanout.boards) if (!isOpen(boardId)) fanout.close(boardId);
    for (const boardId of loading.keys()) if (!isOpen(boardId)) loading.delete(boardId);
  }

  const isOpen = (boardId: string): boolean => hocuspocus?.documents.has(boardId) === true || hocuspocus?.loadingDocuments.has(boardId) === true;

  function take(boardId: string, message: BoardMessage): void {
    switch (message.kind) {
      case 'batch':
      case 'head':
        if (loading.has(boardId)) loading.set(boardId, true);
        journal.receive(boardId, message.seq, message.kind === 'batch' ? message.update : null);
        return;
      case 'volatile':
        journal.receiveVolatile({ boardId, update: message.update, authors: message.authors, clients: message.clients });
        return;
      case 'presence':
        presence?.receiveRemote(boardId, message.message);
    }
  }

  return {
    extension: {
      extensionName: 'fanout',
      // Before the journal reads the board: what is committed from then on arrives as a message.
      priority: 1001,
      onConfigure: ({ instance }) => {
        hocuspocus = instance;
        return Promise.resolve();
      },
      async onLoadDocument({ documentName }) {
        loading.set(documentName, false);
        await fanout.open(documentName);
      },
      afterLoadDocument({ documentName }) {
        if (loading.get(documentName) === true) follow(documentName);
        loading.delete(documentName);
        return Promise.resolve();
      },
      afterUnloadDocument({ documentName }) {
        // Somebody may be opening it again already.
        if (!isOpen(documentName)) fanout.close(documentName);
        return Promise.resolve();
      },
    },
    async start() {
      await fanout.start({
        ...observe,
        message: take,
        missed(boardId) {
          follow(boardId);
          for (const each of boardId === null ? [...loading.keys()] : [boardId]) if (loading.has(each)) loading.set(each, true);
          if (boardId === null) presence?.announce();
        },
        nodeHere(node) {
          observe.nodeHere?.(node);
          // One that comes back after it was taken for dead may have removed our people, as we have its.
          presence?.announce();
        },
        nodeGone(node) {
          observe.nodeGone?.(node);
          presence?.removeNode(node.id);
        },
        state(state, reason) {
          observe.state?.(state, reason);
          if (timer !== null) clearTimeout(timer);
          tick();
        },
      });
      if (timer === null) tick();
    },
    async stop() {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      await fanout.stop();
    },
  };
}
