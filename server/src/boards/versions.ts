/**
 * Versions of a board: making, listing, comparing and restoring them.
 *
 * Guarantees: a version holds a committed state. Restoring is a forward change by who asks for it, through the live document: everybody sees
 * it as they would any edit, nobody's history is lost, comments stay, and the state just before is kept as a version of its own, so that
 * restoring that one takes it back. What others change while a restore is being worked out counts as changed after it.
 * Does not: restore a large board in one transaction. It goes in parts of RESTORE_ITEMS items; after a crash in between, do it again.
 */
import { randomUUID } from 'node:crypto';
import { applyRestoration, restorationParts, type Restoration } from '@sunday/board-model';
import { decodeCursor, encodeCursor, pageOf } from './cursor.ts';
import { RANDOM_IDS } from './derived-ids.ts';
import { boardEtag, NO_PRECONDITION, requireMatch } from './etags.ts';
import { byRest, requireRole, type BoardsParts, type WriteOptions } from './parts.ts';
import { boardFactsOf, type Actor, type Page } from './resources.ts';
import type { TransferJobs } from './transfer-jobs.ts';
import type { CountedDiff } from './version-compare.ts';
import { VersionStore, type VersionResource } from './version-store.ts';

/** Items restored in one transaction of the live board: writing them, their rows and their events holds others up for some tens of ms. */
const RESTORE_ITEMS = 250;
/** What a diff compares with when nothing is named: the board as it is. */
export const CURRENT = 'current';

/** What a comparison was made of; `id` null: the board as it was when asked. */
export type ComparedState = { id: string | null; seq: number; createdAt: string };
export type VersionDiff = CountedDiff & { readonly from: ComparedState; readonly to: ComparedState };
/** How much was written; `undo`: the version that holds the board as it was just before. */
export type Restored = { boardId: string; seq: number; undo: string; columns: number; groups: number; items: number };

export type Versions = {
  listVersions(actor: Actor, boardId: string, listing: { limit: number; cursor?: string | undefined }): Promise<Page<VersionResource>>;
  getVersion(actor: Actor, boardId: string, versionId: string): Promise<VersionResource>;
  createVersion(actor: Actor, boardId: string, input: { name?: string | null | undefined }, options?: WriteOptions): Promise<VersionResource>;
  removeVersion(actor: Actor, boardId: string, versionId: string): Promise<void>;
  /** From the version to `against`: a version, or `current`. */
  diffVersion(actor: Actor, boardId: string, versionId: string, listing: { against: string; limit: number }): Promise<VersionDiff>;
  restoreVersion(actor: Actor, boardId: string, versionId: string, input: { itemId?: string | undefined }, options?: WriteOptions): Promise<Restored>;
};

export function versions(parts: BoardsParts, jobs: TransferJobs): Versions {
  const { database, engine, limits } = parts;
  const store = new VersionStore({ database, limits, count: (what) => parts.onVersion?.(what) });
  /** Two restores of one board wait for each other here, or their parts would mix. */
  const restoring = new Map<string, Promise<unknown>>();

  async function inTurn<T>(boardId: string, work: () => Promise<T>): Promise<T> {
    const before = restoring.get(boardId) ?? Promise.resolve();
    const mine = before.then(work, work);
    restoring.set(boardId, mine);
    try {
      return await mine;
    } finally {
      if (restoring.get(boardId) === mine) restoring.delete(boardId);
    }
  }

  async function stateOf(boardId: string, versionId: string): Promise<ComparedState & { bytes: Uint8Array }> {
    if (versionId === CURRENT) return { id: null, createdAt: new Date().toISOString(), ...(await engine.committedState(boardId)) };
    const { id, seq, createdAt } = await store.find(boardId, versionId);
    return { id, seq, createdAt, bytes: await store.bytes(boardId, id) };
  }

  return {
    async listVersions(actor, boardId, { limit, cursor }) {
      await requireRole(parts, actor, boardId, 'viewer');
      const list = ['versions', boardId];
      const [seq = null, id = null] = decodeCursor(list, cursor, 2) ?? [];
      const found = await store.list(boardId, { seq, id }, limit + 1);
      return pageOf(found, limit, (version) => version, (last) => encodeCursor(list, [String(last.seq), last.id]));
    },

    async getVersion(actor, boardId, versionId) {
      await requireRole(parts, actor, boardId, 'viewer');
      return store.find(boardId, versionId);
    },

    async createVersion(actor, boardId, { name }, { ids = RANDOM_IDS } = {}) {
      await requireRole(parts, actor, boardId, 'editor');
      const { seq, bytes } = await engine.committedState(boardId);
      return store.add({ boardId, id: ids.boardId(), seq, name: name ?? null, reason: 'named', createdBy: actor.userId, bytes });
    },

    async removeVersion(actor, boardId, versionId) {
      await requireRole(parts, actor, boardId, 'editor');
      await store.remove(boardId, versionId);
    },

    async diffVersion(actor, boardId, versionId, { against, limit }) {
      await requireRole(parts, actor, boardId, 'viewer');
      const before = await stateOf(boardId, versionId);
      const after = await stateOf(boardId, against);
      const compared = await jobs.diff({ kind: 'diff', before: before.bytes, after: after.bytes, limit: Math.min(limit, limits.maxDiffItems) });
      const named = ({ id, seq, createdAt }: ComparedState): ComparedState => ({ id, seq, createdAt });
      return { ...compared, from: named(before), to: named(after) };
    },

    async restoreVersion(actor, boardId, versionId, { itemId }, { precondition = NO_PRECONDITION } = {}) {
      await requireRole(parts, actor, boardId, 'editor');
      const wanted = await store.bytes(boardId, versionId);
      return inTurn(boardId, async () => {
        const current = await engine.committedState(boardId);
        const restoration = await jobs.restoration({ kind: 'restore', current: current.bytes, wanted, itemId });
        const undo = (await store.at(boardId, current.seq))
          ?? (await store.add({ boardId, id: randomUUID(), seq: current.seq, name: null, reason: 'before_restore', createdBy: actor.userId, bytes: current.bytes }));
        let seq = current.seq;
        for (const [at, part] of restorationParts(restoration, RESTORE_ITEMS).entries()) {
          ({ seq } = await engine.write(boardId, byRest(actor), (doc) => {
            if (at === 0) requireMatch(precondition, () => boardEtag(boardFactsOf(doc)));
            applyRestoration(doc, part, actor);
          }));
        }
        return { boardId, seq, undo: undo.id, ...sizeOf(restoration) };
      });
    },
  };
}

const sizeOf = ({ columns, groups, items, later }: Restoration): Pick<Restored, 'columns' | 'groups' | 'items'> => ({
  columns: columns.length + later.columns.length,
  groups: groups.length + later.groups.length,
  items: items.length + later.items.length,
});
