/**
 * Whether Postgres can be asked right now, known without asking.
 *
 * Guarantees: after `suspect()` it is down until a probe has succeeded, so a caller that was told DatabaseUnavailable always sees `onUp`
 * later; it probes by itself while down, at once and then with backoff, and runs no timer while up. Subscribers are called once a change.
 * Owns its probe timer until `close()`.
 */
import { setTimeout as delay } from 'node:timers/promises';

/** The first probe after a loss is immediate; Postgres is back from a crash in 250 to 550 ms, so the next ones are close together. */
const PROBE_FIRST_MS = 25;
/** Probes before they become fewer: two seconds. */
const PROBES_CLOSE = 80;
/** An outage of minutes costs one connection attempt a second. */
const PROBE_MAX_MS = 1_000;

export class Availability {
  private isUp = true;
  private readonly probe: () => Promise<void>;
  private readonly whenUp = new Set<() => void>();
  private readonly whenDown = new Set<() => void>();
  private readonly closing = new AbortController();

  /** @param probe resolves if the database answers a write-capable session, rejects otherwise */
  constructor(probe: () => Promise<void>) {
    this.probe = probe;
  }

  get up(): boolean {
    return this.isUp;
  }

  onUp(listener: () => void): () => void {
    this.whenUp.add(listener);
    return () => { this.whenUp.delete(listener); };
  }

  onDown(listener: () => void): () => void {
    this.whenDown.add(listener);
    return () => { this.whenDown.delete(listener); };
  }

  /** Something failed at the level of connections. */
  suspect(): void {
    if (!this.isUp || this.closing.signal.aborted) return;
    this.isUp = false;
    for (const listener of this.whenDown) listener();
    void this.probeUntilUp();
  }

  close(): void {
    this.closing.abort();
    this.whenUp.clear();
    this.whenDown.clear();
  }

  private async probeUntilUp(): Promise<void> {
    const { signal } = this.closing;
    let wait = PROBE_FIRST_MS;
    for (let probes = 0; !signal.aborted; probes++) {
      if (probes > PROBES_CLOSE) wait = Math.min(wait * 2, PROBE_MAX_MS);
      try {
        await this.probe();
        break;
      } catch {
        await delay(wait, undefined, { signal }).catch(() => undefined);
      }
    }
    if (signal.aborted) return;
    this.isUp = true;
    for (const listener of this.whenUp) listener();
  }
}
