/** A deploy: every node is told to stop and starts again, one after the other, while people edit. Nothing is lost, and nobody waits long. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { noRedis } from '@sunday/extension-fanout/testing';
import { Cluster } from './chaos/cluster.ts';
import { makeBoards } from './chaos/boards.ts';
import { KINDS, makePerson, type Person } from './chaos/people.ts';
import { judge } from './chaos/verdict.ts';
import { seeded, until } from './stock-clients.ts';

const PEOPLE = 24;
const BOARDS = 4;
const EDIT_EVERY_MS = 400;

test('every node is restarted in turn while people edit: nothing is lost, and the longest wait for an acknowledgement is told', { skip: noRedis() }, async (t) => {
  const next = seeded(t);
  const dataDir = await mkdtemp(join(tmpdir(), 'sunday-rolling-'));
  const cluster = await Cluster.start(3, next);
  const people: Person[] = [];
  let writing: NodeJS.Timeout | undefined;
  t.after(async () => {
    clearInterval(writing);
    await Promise.all(people.map((person) => person.close()));
    await cluster.close();
    await Promise.all(people.map(({ line }) => line.close()));
    await rm(dataDir, { recursive: true, force: true });
  });
  const { boardIds, boardOf } = await makeBoards(cluster, BOARDS, PEOPLE);
  for (let index = 0; index < PEOPLE; index += 1) {
    people.push(await makePerson(KINDS[index % KINDS.length] ?? 'sdk', `u_${index}`, { boardId: boardOf(index), line: await cluster.door(), patience: 'as published' }));
  }
  await until('everybody is in', () => people.every(({ settled }) => settled));
  const lag = monitorEventLoopDelay();
  lag.enable();
  let edits = 0;
  writing = setInterval(() => {
    edits += 1;
    for (const person of people) {
      const [item] = person.hands.items();
      if (item !== undefined) person.write(() => { person.hands.update(item.id, { values: { n: edits } }); }, []);
    }
  }, EDIT_EVERY_MS);
  for (const { name, process } of cluster.nodes) {
    assert.equal(await process.signal('SIGTERM'), 0, `${name}: ${process.log}`);
    await process.start();
    await until('the balancer sends people there, too', () => cluster.serves(name));
  }
  clearInterval(writing);
  lag.disable();
  t.diagnostic(`how late the people's own process was: ${(lag.percentile(99) / 1e6).toFixed(0)} ms (p99)`);
  await judge(cluster, boardIds, people, [], dataDir);
  for (const kind of KINDS) {
    const waits = people.filter((person) => person.kind === kind && person.hearsAcks).flatMap(({ books }) => books.edits.map(({ at, ackedAt }) => (ackedAt ?? Infinity) - at)).toSorted((a, b) => a - b);
    if (waits.length === 0) continue;
    const at = (share: number): string => (waits[Math.floor((waits.length - 1) * share)] ?? 0).toFixed(0);
    t.diagnostic(`${kind}: ${waits.length} edits, acknowledged after ${at(0.5)} ms (p50), ${at(0.99)} ms (p99), ${at(1)} ms at most`);
  }
});
