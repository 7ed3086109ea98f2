/** Figures of runs: how soon edits were acknowledged, by what was going on when they were made; and what nodes use. */
import type { Person } from './people.ts';

/** "Saved" later than this is felt as trouble; the share below it is what the suite reports. */
export const SOON_MS = 5_000;
/** Nothing was going on. */
export const CALM = 'nothing';

export interface Share {
  readonly edits: number;
  /** Of them, acknowledged within SOON_MS. */
  readonly soon: number;
  readonly slowestMs: number;
}

export type Shares = Readonly<Record<string, Share>>;

/** An edit counts for everything that was going on. Those whose software never says "saved" are left out. */
export function sharesOf(people: readonly Person[]): Shares {
  const shares: Record<string, Share> = {};
  for (const { books, hearsAcks } of people) {
    if (!hearsAcks) continue;
    for (const { at, ackedAt, during } of books.edits) {
      const tookMs = (ackedAt ?? Infinity) - at;
      for (const what of during.length === 0 ? [CALM] : during) shares[what] = add(shares[what], { edits: 1, soon: tookMs <= SOON_MS ? 1 : 0, slowestMs: tookMs });
    }
  }
  return shares;
}

/** Who waited longest for an acknowledgement, each in words. */
export function slowest(people: readonly Person[], count: number): string[] {
  const waits = people.flatMap(({ name, kind, hearsAcks, books, diary }) => {
    const worst = hearsAcks ? books.edits.map((edit) => ({ edit, tookMs: (edit.ackedAt ?? Infinity) - edit.at })).toSorted((a, b) => b.tookMs - a.tookMs)[0] : undefined;
    return worst === undefined ? [] : [{ name, kind, diary, ...worst }];
  });
  return waits.toSorted((a, b) => b.tookMs - a.tookMs).slice(0, count).map(({ name, kind, tookMs, edit, diary }) =>
    `${(tookMs / 1000).toFixed(1)} s: ${name} (${kind}), written at ${new Date(performance.timeOrigin + edit.at).toISOString().slice(11, 23)} during ${edit.during.join(', ') || CALM}; ${diary.lines.join(', ')}`);
}

const add = (a: Share = { edits: 0, soon: 0, slowestMs: 0 }, b: Share): Share => ({ edits: a.edits + b.edits, soon: a.soon + b.soon, slowestMs: Math.max(a.slowestMs, b.slowestMs) });

export function merged(all: readonly Shares[]): Shares {
  const sum: Record<string, Share> = {};
  for (const shares of all) for (const [what, share] of Object.entries(shares)) sum[what] = add(sum[what], share);
  return sum;
}

/** A table in Markdown. */
export function table(shares: Shares, counts: Readonly<Record<string, number>>): string {
  const rows = Object.entries(shares).toSorted(([a], [b]) => a.localeCompare(b)).map(([what, { edits, soon, slowestMs }]) =>
    `| ${what} | ${counts[what] ?? ''} | ${edits} | ${((100 * soon) / edits).toFixed(1)} % | ${(slowestMs / 1000).toFixed(1)} s |`);
  return ['| what went wrong | times | edits | acknowledged within 5 s | slowest |', '| --- | --: | --: | --: | --: |', ...rows].join('\n');
}

export interface Memory {
  /** Bytes of JavaScript objects, and of the whole process. */
  readonly heap: number;
  readonly resident: number;
}

/** Of one node, from its own metrics; null while it does not answer. */
export async function memoryOf(url: string): Promise<Memory | null> {
  const text = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(1_000) }).then((answer) => answer.text()).catch(() => null);
  if (text === null) return null;
  const read = (name: string): number => Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1] ?? NaN);
  const memory = { heap: read('nodejs_heap_size_used_bytes'), resident: read('process_resident_memory_bytes') };
  // A node that is told to stop may answer with something else.
  return Number.isNaN(memory.heap + memory.resident) ? null : memory;
}
