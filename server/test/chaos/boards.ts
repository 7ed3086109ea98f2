/** The boards of the suite, made over REST: columns of many kinds, three groups, some items, and their people as editors. */
import type { Cluster } from './cluster.ts';
import { COLUMNS } from './deeds.ts';
import { KINDS } from './people.ts';

const OWNER = 'u_owner';
const FIRST_ITEMS = 12;

export const nameOf = (person: number): string => `u_${person}`;

export interface Boards {
  readonly boardIds: readonly string[];
  /** Of the person with that number: one of each kind of client goes to a board, then the next board is filled. */
  readonly boardOf: (person: number) => string;
}

export async function makeBoards(cluster: Cluster, boards: number, people: number): Promise<Boards> {
  const [node] = cluster.nodes;
  if (node === undefined) throw new Error('no nodes');
  const { process } = node;
  const boardIds: string[] = [];
  const at = (person: number): number => Math.floor(person / KINDS.length) % boards;
  for (let index = 0; index < boards; index += 1) {
    const { id } = await process.call<{ id: string }>('POST', '/boards', OWNER, { name: `Board ${index}`, columns: COLUMNS });
    for (const title of ['Now', 'Later']) await process.call('POST', `/boards/${id}/groups`, OWNER, { title });
    for (let item = 0; item < FIRST_ITEMS; item += 1) await process.call('POST', `/boards/${id}/items`, OWNER, { name: `Item ${item}` });
    for (let person = 0; person < people; person += 1) if (at(person) === index) await process.call('POST', `/boards/${id}/members`, OWNER, { userId: nameOf(person), role: 'editor' });
    boardIds.push(id);
  }
  return { boardIds, boardOf: (person) => boardIds[at(person)] ?? '' };
}
