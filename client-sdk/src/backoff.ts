/**
 * When to try again: a quick first try, then exponential with full jitter (a random point between nothing and the bound), so that a
 * thousand clients of one dead node do not come back in one instant.
 */

const FIRST_TRY_MS = 150; // a node that restarts or a dropped socket: nobody should notice
const BASE_MS = 500; // a restarted server listens again within about this
const GROWTH = 1.25; // doubling would keep an unlucky one out for twice as long as the outage was
const CAP_MS = 10_000; // a long outage: a thousand clients ask 200 times a second in all, and are back within ten

/** Milliseconds to wait before try number `attempt` (from 0). */
export function retryDelay(attempt: number, random: () => number = Math.random): number {
  const bound = attempt === 0 ? FIRST_TRY_MS : Math.min(CAP_MS, BASE_MS * GROWTH ** (attempt - 1));
  return random() * bound;
}
