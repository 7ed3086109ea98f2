/** Recorded typing sessions (fixtures/README.md), and stock providers that type them again. */
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider';
import { FRAME } from '@sunday/extension-journal';
import * as decoding from 'lib0/decoding';
import * as Y from 'yjs';

/** `[position, deleted, inserted]` */
export type Patch = readonly [number, number, string];
export interface Txn {
  readonly parents?: readonly number[];
  readonly agent?: number;
  readonly patches: readonly Patch[];
}
export interface Trace {
  readonly endContent: string;
  readonly txns: readonly Txn[];
}

export async function readTrace(name: string): Promise<Trace> {
  const packed = await readFile(new URL(`./fixtures/${name}.trace.json.gz`, import.meta.url));
  const trace: unknown = JSON.parse((await promisify(gunzip)(packed)).toString());
  return trace as Trace;
}

export function type(text: Y.Text, patches: readonly Patch[]): void {
  for (const [position, deleted, inserted] of patches) {
    if (deleted > 0) text.delete(position, deleted);
    if (inserted !== '') text.insert(position, inserted);
  }
}

const SYNC_UPDATE = 2;

/** The update of a sync Update frame; `null` for every other frame. */
function updateOf(frame: Uint8Array): Uint8Array | null {
  const decoder = decoding.createDecoder(frame);
  decoding.readVarString(decoder);
  if (decoding.readVarUint(decoder) !== FRAME.sync || decoding.readVarUint(decoder) !== SYNC_UPDATE) return null;
  return decoding.readVarUint8Array(decoder);
}

/** A stock provider whose incoming updates are let through only up to a clock of the other writer. */
export class HeldBackWriter {
  readonly doc = new Y.Doc();
  readonly provider: HocuspocusProvider;
  private readonly socket: HocuspocusProviderWebsocket;
  private readonly held: { event: MessageEvent; end: number }[] = [];
  private readonly other: number;
  private allowed = 0;

  constructor(url: string, boardId: string, token: string, clientId: number, other: number) {
    this.doc.clientID = clientId;
    this.other = other;
    this.socket = new HocuspocusProviderWebsocket({ url: `${url.replace('http', 'ws')}/sync` });
    this.provider = new HocuspocusProvider({ websocketProvider: this.socket, name: boardId, document: this.doc, token });
    const deliver = this.provider.onMessage.bind(this.provider);
    this.provider.onMessage = (event: MessageEvent) => {
      const data: unknown = event.data;
      const update = data instanceof ArrayBuffer ? updateOf(new Uint8Array(data)) : null;
      if (update === null) {
        deliver(event);
        return;
      }
      this.held.push({ event, end: Y.parseUpdateMeta(update).to.get(this.other) ?? 0 });
      this.release(deliver);
    };
    this.letThrough = (clock) => {
      this.allowed = Math.max(this.allowed, clock);
      this.release(deliver);
    };
    this.provider.attach();
  }

  readonly letThrough: (clock: number) => void;

  private release(deliver: (event: MessageEvent) => void): void {
    for (let next = this.held[0]; next !== undefined && next.end <= this.allowed; next = this.held[0]) {
      this.held.shift();
      deliver(next.event);
    }
  }

  /** How much of the other writer is in this copy. */
  get received(): number {
    return Y.getState(this.doc.store, this.other);
  }

  get clock(): number {
    return Y.getState(this.doc.store, this.doc.clientID);
  }

  close(): void {
    this.provider.destroy();
    this.socket.destroy();
  }
}
