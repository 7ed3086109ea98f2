/**
 * Automatic versions: of a board that changes, one every `versionMinutes` at most, of how it was just before the change that made it due. So
 * whatever happens after a quiet while, the state before it can be returned to.
 *
 * Guarantees: commits never wait for it; one version at a time is made, off the event loop, from committed rows; over all nodes a board gets
 * one per interval, but for two that are made at the same moment.
 * Does not: look at boards nobody changes. Owns no timer.
 */
import { randomUUID } from 'node:crypto';
import type { Database } from '@sunday/database';
import type { Limits } from '../limits.ts';
import { VersionStore, type VersionCount, type VersionLimits } from './version-store.ts';

const MINUTE_MS = 60_000;
/** Boards whose next version is remembered; past this, those that are due are forgotten, and asked for in the database again. */
const MAX_REMEMBERED = 10_000;

export interface AutomaticVersionsParts {
  readonly database: Database;
  readonly limits: Pick<Limits, VersionLimits>;
  /** The board as committed up to a batch; null where that is gone. */
  readonly stateAt: (boardId: string, throughSeq?: number) => Promise<{ seq: number; bytes: Uint8Array } | null>;
  readonly count: (what: VersionCount) => void;
  readonly onError: (boardId: string, error: unknown) => void;
}

export class AutomaticVersions {
  private readonly parts: AutomaticVersionsParts;
  private readonly store: VersionStore;
  private readonly intervalMs: number;
  private readonly dueAt = new Map<string, number>();
  private last: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(parts: AutomaticVersionsParts) {
    this.parts = parts;
    this.store = new VersionStore(parts);
    this.intervalMs = parts.limits.versionMinutes * MINUTE_MS;
  }

  /** A batch of the board was committed as `seq`. Called for every commit: a look into a map. */
  changed(boardId: string, seq: number): void {
    if (this.intervalMs === 0 || this.closed) return;
    const now = Date.now();
    if (now < (this.dueAt.get(boardId) ?? 0)) return;
    if (this.dueAt.size >= MAX_REMEMBERED) for (const [id, due] of this.dueAt) if (due <= now) this.dueAt.delete(id);
    this.dueAt.set(boardId, now + this.intervalMs);
    this.last = this.last.then(() => this.make(boardId, seq - 1)).catch((error: unknown) => {
      this.dueAt.delete(boardId); // tried again with the next change
      this.parts.onError(boardId, error);
    });
  }

  private async make(boardId: string, throughSeq: number): Promise<void> {
    if (this.closed) return;
    const newest = await this.store.newest(boardId);
    const due = newest === undefined ? 0 : newest.createdAt.getTime() + this.intervalMs;
    if (due > Date.now()) {
      this.dueAt.set(boardId, due);
      return;
    }
    if (newest !== undefined && newest.seq >= throughSeq) return;
    // compaction may have merged that moment with what came after: then the board as it is
    const state = (await this.parts.stateAt(boardId, throughSeq)) ?? (await this.parts.stateAt(boardId));
    if (state !== null) await this.store.add({ boardId, id: randomUUID(), seq: state.seq, name: null, reason: 'hourly', createdBy: null, bytes: state.bytes });
  }

  /** Resolves when none is being made. */
  async close(): Promise<void> {
    this.closed = true;
    await this.last;
  }
}
