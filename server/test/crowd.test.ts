/** A crowd on one board through the whole server: who looks at the same comes first, and clients are told so in-band. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { connect, until, type Client } from './nodes-support.ts';
import { startTestServer, type Api, type BoardBody, type TestServer } from './rest-support.ts';

suite('a crowd of stock clients', () => {
  let server: TestServer;
  let owner: Api;

  before(async () => {
    server = await startTestServer({ SUNDAY_PRESENCE_FULL_RATE_PEOPLE: '4' });
    owner = await server.as('olga');
  });
  after(() => server.close());

  const cursorOf = (viewer: Client, whom: Client): unknown => viewer.awareness.getStates().get(whom.doc.clientID)?.['cursor'];

  test('sees at once what happens in the same view, soon what happens elsewhere, and is told how many it is', async (t) => {
    const { body: { id } } = await owner.expect<BoardBody>(201, 'POST', '/boards', { body: { name: 'Crowded' } });
    const told: ({ people: number } | null)[] = [];
    const join = async (view: string): Promise<Client> => {
      const client = await connect(t, server, id, 'olga');
      client.awareness.setLocalState({ cursor: 0, view });
      return client;
    };
    const ann = await join('here');
    ann.provider.on('stateless', ({ payload }: { payload: string }) => {
      const message = JSON.parse(payload) as { sunday: string; crowd: { people: number } | null };
      if (message.sunday === 'presence') told.push(message.crowd);
    });
    const bob = await join('here');
    await until('the two see each other', () => cursorOf(ann, bob) === 0 && cursorOf(bob, ann) === 0);
    assert.equal(told.length, 0);
    const others: Client[] = [];
    for (let index = 0; index < 14; index++) others.push(await join('there'));
    await until('all see all', () => [ann, bob, ...others].every(({ awareness }) => awareness.getStates().size === 16));
    await until('they are told', () => told.at(-1)?.people === 16);
    assert.deepEqual(told.at(-1), { people: 16, every: 160, others: 1500 });

    const [cyd] = others;
    assert.ok(cyd !== undefined);
    ann.awareness.setLocalState({ cursor: 1, view: 'here' });
    const near = await until('bob sees it', () => cursorOf(bob, ann) === 1);
    const far = await until('cyd sees it', () => cursorOf(cyd, ann) === 1);
    assert.ok(near < 700 && far > 300, `after ${near} and ${far} ms`);

    for (const client of others) client.close();
    await until('it is a crowd no longer', () => told.at(-1) === null, 10_000);
  });
});
