/** Waiting in tests, of all packages: for what has to come true, and never for a time. */

const LOOK_EVERY_MS = 5;

/**
 * Looks again and again until something holds. Returns after how many ms it did; throws, with what it waited for and what `explain` says of it, if it did not
 * within `withinMs`.
 */
type Until = (what: string, holds: () => unknown, withinMs?: number, explain?: () => string) => Promise<number>;

/** Waits for so long where nothing else is said. */
export const untilWithin = (patienceMs: number): Until => async (what, holds, withinMs = patienceMs, explain = () => '') => {
  const start = performance.now();
  while (!(await holds())) {
    if (performance.now() - start > withinMs) throw new Error(`not within ${withinMs} ms: ${what}. ${explain()}`);
    await new Promise((resolve) => { setTimeout(resolve, LOOK_EVERY_MS); });
  }
  return performance.now() - start;
};
