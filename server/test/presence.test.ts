/** Presence of stock clients through the whole server: sockets, gateway, access, lane. What people see of each other, and when. */
import assert from 'node:assert/strict';
import { after, before, describe, test, type TestContext } from 'node:test';
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider';
import { untilWithin } from '@sunday/board-model/testing/until';
import { WebsocketProvider } from 'y-websocket';
import type { Awareness } from 'y-protocols/awareness';
import { WebSocket } from 'ws';
import * as Y from 'yjs';
import { startTestServer, type Api, type TestServer } from './rest-support.ts';

const until = untilWithin(3_000);

interface Person {
  readonly userId: string;
  readonly awareness: Awareness;
  /** How often its socket was closed. */
  readonly closes: () => number;
  /** The network goes: no goodbye, no closing handshake. */
  cut(): void;
  back(): void;
  destroy(): void;
}

type Join = (t: TestContext, userId: string, board: string, state?: Record<string, unknown>) => Promise<Person>;

let server: TestServer;
let owner: Api;

before(async () => {
  server = await startTestServer();
  owner = await server.as('olga');
});
after(() => server.close());

async function newBoard(...members: string[]): Promise<string> {
  const { body } = await owner.expect<{ id: string }>(201, 'POST', '/boards', { body: { name: 'Presence' } });
  for (const userId of members) await owner.expect(201, 'POST', `/boards/${body.id}/members`, { body: { userId, role: 'editor' } });
  return body.id;
}

const hocuspocus: Join = async (t, userId, board, state = { cursor: `of ${userId}` }) => {
  const sockets: WebSocket[] = [];
  class Remembered extends WebSocket {
    constructor(url: string) {
      super(url);
      sockets.push(this);
    }
  }
  const socket = new HocuspocusProviderWebsocket({ url: `${server.url.replace('http', 'ws')}/sync`, WebSocketPolyfill: Remembered, delay: 50, minDelay: 50 });
  const provider = new HocuspocusProvider({ websocketProvider: socket, name: board, document: new Y.Doc(), token: await server.tokenOf(userId) });
  const { awareness } = provider;
  assert.ok(awareness);
  awareness.setLocalState(state);
  provider.attach();
  let closes = 0;
  socket.on('close', () => { closes++; });
  return remember(t, {
    userId, awareness, closes: () => closes,
    cut() {
      socket.disconnect();
      for (const each of sockets) each.terminate();
    },
    back() { void socket.connect(); },
    destroy() {
      provider.destroy();
      socket.destroy();
    },
  });
};

const yWebsocket: Join = async (t, userId, board, state = { cursor: `of ${userId}` }) => {
  const doc = new Y.Doc();
  const sockets: WebSocket[] = [];
  class Remembered extends WebSocket {
    constructor(url: string) {
      super(url);
      sockets.push(this);
    }
  }
  const provider = new WebsocketProvider(`${server.url.replace('http', 'ws')}/yjs`, board, doc, {
    params: { token: await server.tokenOf(userId) }, WebSocketPolyfill: Remembered as unknown as typeof globalThis.WebSocket, disableBc: true, connect: false,
  });
  provider.awareness.setLocalState(state);
  provider.connect();
  let closes = 0;
  provider.on('connection-close', () => { closes++; });
  return remember(t, {
    userId, awareness: provider.awareness, closes: () => closes,
    cut() {
      provider.shouldConnect = false;
      for (const each of sockets) each.terminate();
    },
    back() { provider.connect(); },
    destroy() {
      provider.destroy();
      doc.destroy();
    },
  });
};

function remember(t: TestContext, person: Person): Person {
  t.after(() => { person.destroy(); });
  return person;
}

const sees = (viewer: Person, whom: Person): boolean => viewer.awareness.getStates().has(whom.awareness.clientID);
const stateOf = (viewer: Person, whom: Person): Record<string, unknown> | undefined => viewer.awareness.getStates().get(whom.awareness.clientID);

describe('stock clients see each other', { concurrency: true }, () => {
  test('as soon as they are there, on either protocol, named by the server', async (t) => {
    const board = await newBoard('ann', 'bob');
    const ann = await hocuspocus(t, 'ann', board, { cursor: 1, user: { id: 'olga', name: 'Olga' } });
    const bob = await yWebsocket(t, 'bob', board);
    const olga = await hocuspocus(t, 'olga', board);
    for (const viewer of [ann, bob, olga]) {
      for (const whom of [ann, bob, olga]) {
        if (viewer !== whom) await until(`${viewer.userId} sees ${whom.userId}`, () => sees(viewer, whom));
      }
    }
    const seen = stateOf(bob, ann) as { cursor: number; user: { id: string; name: string; picture: null; color: string } };
    assert.deepEqual([seen.cursor, seen.user.id, seen.user.name, seen.user.picture], [1, 'ann', 'Name of ann', null]);
    assert.match(seen.user.color, /^#[0-9a-f]{6}$/);
    const { body } = await owner.expect<{ data: { clientId: number; user: { id: string } }[] }>(200, 'GET', `/boards/${board}/presence`);
    assert.deepEqual(new Set(body.data.map(({ user }) => user.id)), new Set(['ann', 'bob', 'olga']));
  });

  test('and each other’s moves; a goodbye removes at once', async (t) => {
    const board = await newBoard('ann', 'bob');
    const [ann, bob] = [await hocuspocus(t, 'ann', board), await yWebsocket(t, 'bob', board)];
    await until('both', () => sees(ann, bob) && sees(bob, ann));
    for (let move = 0; move < 20; move++) {
      ann.awareness.setLocalStateField('cursor', move);
      bob.awareness.setLocalStateField('cursor', move);
      await until(`move ${move}`, () => stateOf(ann, bob)?.['cursor'] === move && stateOf(bob, ann)?.['cursor'] === move, 1_000);
    }
    bob.awareness.setLocalState(null);
    // Well before the 4 s that a broken connection would take.
    await until('bob gone', () => !sees(ann, bob), 3_000);
  });

  test('a cut connection removes its person after some seconds', async (t) => {
    const board = await newBoard('ann', 'bob');
    const [ann, bob] = [await hocuspocus(t, 'ann', board), await hocuspocus(t, 'bob', board)];
    await until('both', () => sees(ann, bob) && sees(bob, ann));
    bob.cut();
    const gone = await until('bob removed', () => !sees(ann, bob), 10_000);
    assert.ok(gone > 3_500 && gone < 6_500, `after ${gone} ms`);
  });

  test('who returns after being removed is seen at once, and sees everyone at once', async (t) => {
    const board = await newBoard('ann', 'bob', 'cyd');
    const ann = await hocuspocus(t, 'ann', board);
    const returning = [await hocuspocus(t, 'bob', board), await yWebsocket(t, 'cyd', board)];
    await until('all', () => returning.every((person) => sees(ann, person) && sees(person, ann)));
    for (let round = 0; round < 2; round++) {
      for (const person of returning) person.cut();
      await until('removed', () => !returning.some((person) => sees(ann, person)), 10_000);
      for (const person of returning) person.back();
      await until('back', () => returning.every((person) => sees(ann, person) && sees(person, ann)), 3_000);
    }
  });

  test('someone alone and idle keeps the socket for longer than the 30 s after which providers give up', async (t) => {
    const [one, other] = [await newBoard(), await newBoard()];
    const alone = [await hocuspocus(t, 'olga', one), await yWebsocket(t, 'olga', other)];
    await new Promise((resolve) => { setTimeout(resolve, 36_000); });
    assert.deepEqual(alone.map((person) => person.closes()), [0, 0]);
  });
});
