/**
 * The buffer in which `pg` puts a message together is kept from one message to the next.
 *
 * `pg-protocol` begins each message with 256 bytes and grows by half: of a commit of 60 KB that leaves a dozen buffers behind, outside V8's heap, a
 * hundred times a second. They end with the next full collection, which V8 begins once 64 MB of such have come together: under load
 * twice a minute, a third of a second each (docs/decisions/0017-a-collection-costs-a-third-of-a-second.md).
 *
 * Guarantees: what `flush` returns is its caller's own, as before. Takes effect when imported.
 */
import { Writer } from 'pg-protocol/dist/buffer-writer.js';

/** A larger buffer (an import) is let go of. */
const KEPT_BYTES = 1024 * 1024;

// oxlint-disable-next-line typescript/unbound-method -- called with its writer below
const original = Writer.prototype.flush;

Writer.prototype.flush = function flush(this: Writer, code?: number): Buffer {
  const { buffer } = this;
  const message = Buffer.from(original.call(this, code));
  if (buffer.length <= KEPT_BYTES) this.buffer = buffer;
  return message;
};
