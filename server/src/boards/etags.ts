/**
 * Entity tags of items and boards, and the If-Match check that runs inside the write's transaction.
 *
 * Guarantees: equal content has an equal tag, on every node, whether it was read from SQL or from the live document; the check and the
 * write it guards are one synchronous step on the live document of this node.
 */
import { createHash } from 'node:crypto';
import { SundayError } from '../errors.ts';
import { taggedFacts, type BoardFacts, type ItemFacts, type Structure } from './resources.ts';

/** 128 bits: two versions of one resource do not collide. */
const TAG_BYTES = 16;

/** What If-Match said: absent, `*`, or strong tags with their quotes. */
export type Precondition = { readonly kind: 'none' } | { readonly kind: 'any' } | { readonly kind: 'tags'; readonly tags: readonly string[] };

export const NO_PRECONDITION: Precondition = { kind: 'none' };

export const itemEtag = (item: ItemFacts, structure: Structure): string => tagOf(taggedFacts(item, structure));

export const boardEtag = ({ name, description, columns, groups }: BoardFacts): string => tagOf({ name, description, columns, groups });

function tagOf(content: unknown): string {
  return `"${createHash('sha256').update(canonical(content)).digest().subarray(0, TAG_BYTES).toString('base64url')}"`;
}

/** JSON with sorted keys: jsonb keeps its own key order. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  ) ?? 'null';
}

/** @throws SundayError precondition_failed, with the current tag so that a client can show what changed */
export function requireMatch(precondition: Precondition, current: () => string): void {
  if (precondition.kind !== 'tags') return;
  const tag = current();
  if (!precondition.tags.includes(tag)) throw new SundayError('precondition_failed', undefined, { extra: { etag: tag } });
}

/** Tags of an If-Match or If-None-Match header. Weak tags never match strongly, so `W/` stays part of the tag. */
export function parsePrecondition(header: string | undefined): Precondition {
  if (header === undefined) return NO_PRECONDITION;
  if (header.trim() === '*') return { kind: 'any' };
  return { kind: 'tags', tags: [...header.matchAll(/(?:W\/)?"[^"]*"/g)].map((match) => match[0]) };
}
