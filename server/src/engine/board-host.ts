/**
 * Hocuspocus as Sunday runs it: the same protocol and hooks, with its document lifecycle made safe.
 *
 * Mended here (defects of Hocuspocus 4.7; tests in test/hocuspocus-defects.test.ts):
 * - a connection opened while its document unloads got a destroyed document: `createDocument` waits for the unload, and holds
 *   the document until the caller has had its turn to attach;
 * - a failed load left its document behind for ever, and unloading that, by its name, took away the one that was loaded in its stead;
 * - a failed store unloaded the document unstored: storing is the journal's, the debounced store is off;
 * - a board is unloaded after a quiet while, not with its last connection, so that a reload of a page finds it warm;
 * - what every update cost for `onChange` (a parsed URL, new headers, a chain of promises) is not spent: nothing here listens, what
 *   changed is told by the journal, committed. An extension that has that hook is not called;
 * - what had come behind a refused update was handled all the same, frame by frame: `forgetQueued`.
 *
 * Owns one timer per board that nobody has open.
 */
import { Hocuspocus, type Connection, type ConnectionConfiguration, type Document } from '@hocuspocus/server';

/** What access puts into the context of a connection. The server's own pins have none of it. */
export interface BoardHostContext {
  userId?: string;
  user?: { readonly id: string; readonly name: string; readonly picture: string | null };
}

export class BoardHost extends Hocuspocus<BoardHostContext> {
  private readonly idleMs: number;
  private readonly idle = new Map<Document, NodeJS.Timeout>();
  /** By name, of a load that goes on: what Hocuspocus wanted unloaded. It is what could not be loaded, if that fails. */
  private readonly unwanted = new Map<string, Document>();
  private closing = false;

  constructor(configuration: ConstructorParameters<typeof Hocuspocus<BoardHostContext>>[0], idleMs: number) {
    super(configuration);
    this.idleMs = idleMs;
  }

  override async createDocument(
    name: string,
    request: Request,
    socketId: string,
    connection: ConnectionConfiguration,
    context?: BoardHostContext,
  ): Promise<Document> {
    for (;;) {
      await this.unloadingDocuments.get(name);
      const document = await super.createDocument(name, request, socketId, connection, context);
      if (document.isDestroyed || this.documents.get(name) !== document || this.unloadingDocuments.has(name)) continue;
      this.hold(document);
      document.onUpdate(NOBODY_LISTENS);
      return document;
    }
  }

  override async loadDocument(...args: Parameters<Hocuspocus<BoardHostContext>['loadDocument']>): Promise<Document> {
    const [name] = args;
    try {
      return await super.loadDocument(...args);
    } catch (error) {
      this.unwanted.get(name)?.destroy();
      throw error;
    } finally {
      this.unwanted.delete(name);
    }
  }

  /** Keeps the document loaded until the caller, who runs in a later microtask of this turn, has attached or pinned. */
  private hold(document: Document): void {
    document.addDirectConnection();
    setImmediate(() => { this.release(document); });
  }

  /** Pins a board: it stays loaded, and the same document, until `release`. */
  async pin(name: string): Promise<Document> {
    const document = await this.createDocument(name, INTERNAL_REQUEST, 'server', { readOnly: false, isAuthenticated: true }, {});
    document.addDirectConnection();
    return document;
  }

  release(document: Document): void {
    document.removeDirectConnection();
    if (document.getConnectionsCount() === 0) void this.unloadDocument(document);
  }

  override storeDocumentHooks(): Promise<void> {
    return Promise.resolve();
  }

  override shouldUnloadDocument(document: Document): boolean {
    return document.getConnectionsCount() === 0;
  }

  /** Hocuspocus asks for this when the last connection is gone; it happens once nobody has come back for a while. */
  override async unloadDocument(document: Document): Promise<void> {
    if (!this.isCurrent(document)) {
      if (this.loadingDocuments.has(document.name)) this.unwanted.set(document.name, document);
      return;
    }
    if (this.closing) {
      await super.unloadDocument(document);
      return;
    }
    const waiting = this.idle.get(document);
    if (waiting !== undefined) {
      waiting.refresh();
      return;
    }
    const timer = setTimeout(() => {
      this.idle.delete(document);
      if (this.isCurrent(document) && this.shouldUnloadDocument(document)) void super.unloadDocument(document);
    }, this.idleMs);
    timer.unref();
    this.idle.set(document, timer);
  }

  /** Hocuspocus unloads by name. */
  private isCurrent(document: Document): boolean {
    return this.documents.get(document.name) === document;
  }

  /** Unloads everything that is committed; call it after the journal has drained. */
  async shutdown(): Promise<void> {
    this.closing = true;
    for (const timer of this.idle.values()) clearTimeout(timer);
    this.idle.clear();
    await Promise.all([...this.documents.values()].map((document) => super.unloadDocument(document)));
  }
}

const NOBODY_LISTENS = (): void => { /* the journal has the document's own event */ };

/** Hocuspocus wants a request with every document it creates; the server's own have none. */
const INTERNAL_REQUEST = new Request('http://localhost/');

/** Of a connection that was ended for what it sent: what waits behind that is not looked at. The first of the queue is being handled. */
export function forgetQueued(connection: Connection): void {
  const queue: unknown = Reflect.get(connection, 'messageQueue');
  if (Array.isArray(queue)) queue.splice(1);
}
