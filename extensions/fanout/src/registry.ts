/**
 * Which other nodes there are, from what they say. No I/O and no timer: the driver tells it what was heard and when to look.
 *
 * Guarantees: `here` once per life of a node and once more each time it comes back; `gone` once per `here`; a frame of an
 * earlier life changes nothing. Remembers those who are gone for a while, so that it can tell a return from a start.
 */
import type { NodeIdentity } from './fanout.ts';

/** A node silent for this long is taken for dead: three heartbeats lost. Its people are to be gone within five seconds, a busy machine and the slowest tick of a crowd included. */
export const DEAD_AFTER_MS = 3_500;
/** Gone nodes remembered: more than a cluster restarts in the minutes it matters. */
const MAX_REMEMBERED = 256;

interface Known {
  readonly node: NodeIdentity;
  heardAt: number;
}

export class NodeRegistry {
  private readonly alive = new Map<string, Known>();
  private readonly past = new Map<string, number>();
  private readonly onHere: (node: NodeIdentity) => void;
  private readonly onGone: (node: NodeIdentity) => void;

  constructor(onHere: (node: NodeIdentity) => void, onGone: (node: NodeIdentity) => void) {
    this.onHere = onHere;
    this.onGone = onGone;
  }

  get nodes(): readonly NodeIdentity[] {
    return [...this.alive.values()].map(({ node }) => node);
  }

  /** @param now milliseconds of any steady clock */
  heard(node: NodeIdentity, now: number): void {
    const known = this.alive.get(node.id);
    if (known?.node.epoch === node.epoch) {
      known.heardAt = now;
      return;
    }
    if (node.epoch < (known?.node.epoch ?? this.past.get(node.id) ?? 0)) return;
    if (known !== undefined) this.leave(known.node);
    this.alive.set(node.id, { node, heardAt: now });
    this.onHere(node);
  }

  /** It said goodbye, or is known to be dead. */
  leave(node: NodeIdentity): void {
    const known = this.alive.get(node.id);
    if (known === undefined || known.node.epoch !== node.epoch) return;
    this.alive.delete(node.id);
    this.past.delete(node.id);
    this.past.set(node.id, node.epoch);
    for (const id of this.past.keys()) {
      if (this.past.size <= MAX_REMEMBERED) break;
      this.past.delete(id);
    }
    this.onGone(known.node);
  }

  /** Returns when the next one will have been silent for too long, unless it is heard. */
  sweep(now: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { node, heardAt } of this.alive.values()) {
      if (now - heardAt > DEAD_AFTER_MS) this.leave(node);
      else next = Math.min(next, heardAt + DEAD_AFTER_MS);
    }
    return next;
  }

  /** Nobody could be heard for so many ms: they are not counted as silence. */
  forgive(ms: number): void {
    for (const known of this.alive.values()) known.heardAt += ms;
  }

  /** Others may need a moment, too, before they can be heard again: everybody's silence is counted from now. */
  excuse(now: number): void {
    for (const known of this.alive.values()) known.heardAt = now;
  }
}
