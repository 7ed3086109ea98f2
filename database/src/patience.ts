/**
 * For a start: a database that is not there yet, or goes away in the middle of it, is waited for instead of ending the process.
 * Owns nothing.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { DatabaseUnavailable, isConnectionFailure } from './errors.ts';

/** A server started beside us (docker compose), or started again while we start, may need this long. */
const PATIENCE_MS = 60_000;
const RETRY_MS = 250;

/**
 * Runs `work`, which must bear being run again, until it is not the connection that fails.
 *
 * @param onWait before the first wait: for a person to read
 * @throws what `work` threw, if that is not about the connection; DatabaseUnavailable with `complaint` after 60 s
 */
export async function patiently<T>(work: () => Promise<T>, complaint = 'The database does not answer', onWait: () => void = () => undefined): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!isConnectionFailure(error)) throw error;
      if (performance.now() > deadline) throw new DatabaseUnavailable(complaint, { cause: error });
      if (tries === 0) onWait();
      await delay(RETRY_MS);
    }
  }
}
