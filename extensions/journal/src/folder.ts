/**
 * Folds journal rows into one update on a worker thread, so that compaction and large joins never hold up the event loop.
 * One worker, started when first needed and stopped when idle; requests are answered in order. A worker that dies fails the
 * requests it had, and the next one starts another.
 */
import { Worker } from 'node:worker_threads';
import type { FoldReply, FoldRequest } from './fold-worker.ts';

/** Starting a worker costs about 50 ms; keeping an idle one, about 10 MB. */
const IDLE_MS = 20_000;

interface Waiting {
  resolve(bytes: Uint8Array): void;
  reject(error: Error): void;
}

export class Folder {
  private worker: Worker | null = null;
  private readonly waiting = new Map<number, Waiting>();
  private nextId = 1;
  private idle: NodeJS.Timeout | null = null;

  /** The updates are copied, not transferred: the caller may keep using them. */
  fold(updates: readonly Uint8Array[]): Promise<Uint8Array> {
    const worker = this.start();
    const id = this.nextId;
    this.nextId += 1;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      const request: FoldRequest = { id, updates };
      worker.postMessage(request);
    });
  }

  private start(): Worker {
    if (this.idle !== null) clearTimeout(this.idle);
    this.idle = null;
    if (this.worker !== null) return this.worker;
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const worker = new Worker(new URL(`./fold-worker.${extension}`, import.meta.url));
    worker.unref();
    worker.on('message', (reply: FoldReply) => { this.settle(reply); });
    worker.on('error', (error) => { this.lost(worker, error instanceof Error ? error : new Error(String(error))); });
    worker.on('exit', () => { this.lost(worker, new Error('the fold worker exited')); });
    this.worker = worker;
    return worker;
  }

  private settle(reply: FoldReply): void {
    const waiting = this.waiting.get(reply.id);
    this.waiting.delete(reply.id);
    if ('bytes' in reply) waiting?.resolve(reply.bytes);
    else waiting?.reject(new Error(reply.error));
    if (this.waiting.size > 0) return;
    this.idle = setTimeout(() => { void this.close(); }, IDLE_MS);
    this.idle.unref();
  }

  private lost(worker: Worker, error: Error): void {
    if (this.worker !== worker) return;
    this.worker = null;
    for (const waiting of this.waiting.values()) waiting.reject(error);
    this.waiting.clear();
  }

  async close(): Promise<void> {
    if (this.idle !== null) clearTimeout(this.idle);
    const { worker } = this;
    if (worker === null) return;
    this.lost(worker, new Error('the folder is closed'));
    await worker.terminate();
  }
}
