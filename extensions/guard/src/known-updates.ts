/**
 * Structless updates that were found to delete nothing new. Every joiner's Step2 carries the whole delete set of the board: with this, the
 * second one costs a hash instead of a walk. What is deleted stays deleted, so an entry never gets wrong.
 *
 * A bounded number per document; kept as long as the document is.
 */
import { hash } from 'node:crypto';
import type { Document } from '@hocuspocus/server';

const MAX_PER_DOCUMENT = 32;

export class KnownUpdates {
  private readonly digests = new WeakMap<Document, Set<string>>();

  has(document: Document, update: Uint8Array): boolean {
    // an update of nothing at all
    if (update.length >= 2 && update[1] === 0) return true;
    const known = this.digests.get(document);
    return known !== undefined && known.has(digest(update));
  }

  add(document: Document, update: Uint8Array): void {
    const known = this.digests.get(document) ?? new Set();
    this.digests.set(document, known);
    if (known.size >= MAX_PER_DOCUMENT) for (const oldest of known) { known.delete(oldest); break; }
    known.add(digest(update));
  }
}

const digest = (update: Uint8Array): string => hash('sha1', update, 'base64');
