/**
 * How V8 collects garbage while people wait for it; decision 0018. To be called before any board is loaded: Node lets flags be set while it
 * runs, and V8 reads these at each collection.
 */
import { Buffer } from 'node:buffer';
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';

/**
 * Node's is 64 KB: whatever is kept for a second keeps as much of other people's frames, and V8 begins a full collection for every 64 MB of such. Much smaller,
 * and each frame is a buffer of its own, which costs more than to fill it.
 */
const POOL_BYTES = 8 * 1024;

/** @param cores this process may use at once */
export function tuneGarbageCollection(cores = availableParallelism()): void {
  Buffer.poolSize = POOL_BYTES;
  // What a thousand people who join at once leave standing teaches V8 that statements and cells live for ever; it would never unlearn it.
  setFlagsFromString('--no-allocation-site-pretenuring');
  // After 100 s without a full collection V8 makes one that gives back all room to grow, however busy the process is, and half a dozen more follow.
  setFlagsFromString('--no-memory-reducer-favors-memory');
  // And once it is done with that, it collects again after a few megabytes. This gives old objects as much room as those that live take.
  setFlagsFromString('--heap-growing-percent=100');
  if (cores > 1) return;
  // With no core to spare, threads that mark take the core from the one that serves people, and threads that share a scavenge wait for each other.
  setFlagsFromString('--no-concurrent-marking');
  setFlagsFromString('--no-parallel-scavenge');
}
