/** Nodes in one process on one real Postgres, joined by a way that loses some messages, with a store that answers late at times. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Hocuspocus, type Document } from '@hocuspocus/server';
import { DatabaseUnavailable } from '@sunday/database';
import type { TestDatabase } from '@sunday/database/testing';
import { Hub, InProcessFanout, joinFanout } from '@sunday/extension-fanout';
import { Journal, PostgresStore, type Batch, type JournalStore, type Outcome } from '@sunday/extension-journal';
import * as Y from 'yjs';
import { boardEvents } from '../src/index.ts';

/** Answers late at times: others commit on top, and are heard, before this node knows of its own commit. */
const slow = (store: JournalStore, random: () => number): JournalStore => Object.assign(Object.create(store) as JournalStore, {
  async commit(batches: readonly Batch[]): Promise<Outcome[]> {
    const outcomes = await store.commit(batches);
    if (random() < 0.3) await new Promise((resolve) => { setTimeout(resolve, random() * 10); });
    return outcomes;
  },
});

export async function startNode(database: TestDatabase, hub: Hub, random: () => number) {
  const id = randomUUID();
  const fanout = new InProcessFanout({ id, epoch: 1 }, hub);
  const errors: unknown[] = [];
  const journal = new Journal({
    store: slow(new PostgresStore(database.another(), id), random), projection: boardEvents, isUnavailable: (error) => error instanceof DatabaseUnavailable,
    events: {
      batch: ({ boardId, seq, update }) => { if (random() < 0.8) fanout.publish(boardId, { kind: 'batch', seq, update }); }, // some are lost
      error: (_boardId, error) => { errors.push(error); },
    },
  });
  const nodes = joinFanout({ fanout, journal });
  const hocuspocus = new Hocuspocus({ extensions: [nodes.extension, journal.extension], quiet: true });
  await nodes.start();
  return {
    journal, errors,
    async open(boardId: string): Promise<Document> {
      const { document } = await hocuspocus.openDirectConnection(boardId, {});
      assert(document !== null);
      return document;
    },
    async stop() {
      await journal.drain();
      await nodes.stop();
      await journal.close();
    },
  };
}

/** Somebody with a copy of their own. */
export class Person {
  readonly doc = new Y.Doc();
  readonly userId: string;
  private readonly connection: object;

  constructor(userId: string) {
    this.userId = userId;
    this.connection = { context: { userId } };
  }

  /** What the document lacks of it, as if it came over a socket. */
  send(document: Document): void {
    Y.applyUpdate(document, Y.encodeStateAsUpdate(this.doc, Y.encodeStateVector(document)), { source: 'connection', connection: this.connection });
  }

  receive(document: Document): void {
    Y.applyUpdate(this.doc, Y.encodeStateAsUpdate(document, Y.encodeStateVector(this.doc)));
  }
}

export interface EventRow { version: string; id: string; type: string; aggregate_id: string; data: Record<string, unknown>; user_id: string | null }

export const eventRows = (database: TestDatabase, boardId: string): Promise<EventRow[]> =>
  database.database.query<EventRow>('SELECT version, id, type, aggregate_id, data, user_id FROM board_events WHERE board_id = $1 ORDER BY version', [boardId]);

/** All of it committed, and every node at the head: what was committed while a node looked for it is looked for again. */
export async function settle(nodes: readonly { readonly journal: Journal }[], documents: readonly Document[]): Promise<void> {
  const clocks = (): number => new Set(documents.map((document) => Buffer.from(Y.encodeStateVector(document)).toString('base64'))).size;
  const deadline = Date.now() + 10_000;
  do {
    await Promise.all(nodes.map(({ journal }) => journal.drain()));
    await Promise.all(nodes.map(({ journal }) => journal.follow()));
    await Promise.all(nodes.map(({ journal }) => journal.drain()));
  } while (clocks() > 1 && Date.now() < deadline);
}
