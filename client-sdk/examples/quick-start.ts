/**
 * Two people on one board: creates a board over REST, opens it twice, edits, and prints what each sees.
 * Run beside a development server (`npm start`): node --conditions=sunday-source client-sdk/examples/quick-start.ts [http://localhost:3000]
 */
import { createClient } from '../src/index.ts';

const server = process.argv[2] ?? 'http://localhost:3000';

interface Session { token: string; user: { id: string; name: string } }

async function post<T>(path: string, body: object, token?: string): Promise<T> {
  const headers = { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
  const response = await fetch(`${server}/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return await response.json() as T;
}

const ada = await post<Session>('/dev/sessions', { name: 'Ada' });
const grace = await post<Session>('/dev/sessions', { name: 'Grace' });
const { id: boardId } = await post<{ id: string }>('/boards', { name: 'Launch' }, ada.token);
await post(`/boards/${boardId}/members`, { userId: grace.user.id, role: 'editor' }, ada.token);

const clients = [ada, grace].map(({ token, user }) => createClient({ url: server, token, user }));
const [adas, graces] = clients.map((client) => client.open(boardId));
if (!adas || !graces) throw new Error('no boards');
await Promise.all([adas.ready, graces.ready]);

graces.items.subscribe(() => console.log('Grace sees:', graces.items.all.map(({ name }) => name).join(', ')));

const votes = adas.columns.create({ title: 'Votes', type: 'counter' });
const item = adas.items.create({ name: 'Ship it' });
adas.batch(() => {
  adas.items.create({ name: 'Write the announcement' });
  adas.items.update(item, { values: { [votes]: 1 } });
});
await adas.saved();
console.log('Ada: saved, which means committed.');

adas.undo();
await adas.saved();
console.log('Ada sees after undo:', adas.items.all.map(({ name }) => name).join(', '));
await Promise.all(clients.map((client) => client.destroy()));
