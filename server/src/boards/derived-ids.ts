/**
 * Ids of things a request creates. With an Idempotency-Key they follow from user, key and place in the request, so that a repeated
 * request names the same things and creates nothing twice, even where the stored answer was lost in a crash. Without one they are random.
 */
import { createHash, randomUUID } from 'node:crypto';
import { newId } from '@sunday/board-model';

/** 16 characters of base64url, 96 bits: enough for no collision on any board. */
const DERIVED_LENGTH = 16;

export type IdSource = {
  /** Id of the `index`-th thing of `kind`: 1 to 64 characters of A-Za-z0-9_-. */
  id(kind: string, index?: number): string;
  boardId(): string;
  /** Whether a thing that already has such an id is this request's own earlier work. */
  readonly repeatable: boolean;
};

export const RANDOM_IDS: IdSource = { id: () => newId(), boardId: () => randomUUID(), repeatable: false };

export function idsFromKey(userId: string, key: string): IdSource {
  const digest = (name: string) => createHash('sha256').update(JSON.stringify([userId, key, name])).digest();
  return {
    id: (kind, index = 0) => digest(`${kind}:${index}`).toString('base64url').slice(0, DERIVED_LENGTH),
    boardId: () => uuidOf(digest('board')),
    repeatable: true,
  };
}

/** A version 8 UUID (RFC 9562: content of our own) from 16 bytes of a hash. */
function uuidOf(hash: Buffer): string {
  const bytes = Buffer.from(hash.subarray(0, 16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
