/**
 * Whose client ids write on an open document, as far as this node has seen. A Yjs client id belongs to the first user who writes with it.
 *
 * Guarantees: an id is never given to a second user. Lives as long as the document does, beside it.
 * Does not: look anything up; `Owners` does, for what is not here.
 */
import type { Connection, Document } from '@hocuspocus/server';

/** Written by the server itself (REST, imports, corrections): nobody's to write with. */
export const SERVER = Symbol('server');
export type Owner = string | typeof SERVER;

/** What is known beyond this node's memory of an open document. Everything is optional: alone, the guard gives ids to who writes first. */
export interface Owners {
  /** Remembered without asking anybody. */
  known(documentName: string, client: number): string | undefined;
  /** Who these belong to, ids nobody has are left out; `null`: it cannot be told now. Never rejects. */
  find(documentName: string, clients: readonly number[]): Promise<ReadonlyMap<number, string> | null>;
  /** Who is on the board with this client id at this moment, although it has not written yet. */
  present(documentName: string, client: number): string | undefined;
}

interface Page {
  readonly owners: Map<number, Owner>;
  /** Connections that write with an id and have told all they have. */
  readonly live: Map<number, Connection>;
}

export class ClientBook {
  private readonly pages = new WeakMap<Document, Page>();
  private readonly elsewhere: Owners | null;

  constructor(elsewhere: Owners | null) {
    this.elsewhere = elsewhere;
  }

  private page(document: Document): Page {
    let page = this.pages.get(document);
    if (page === undefined) {
      page = { owners: new Map(), live: new Map() };
      this.pages.set(document, page);
    }
    return page;
  }

  ownerOf(document: Document, client: number): Owner | undefined {
    const { owners } = this.page(document);
    const known = owners.get(client) ?? this.elsewhere?.known(document.name, client);
    if (known !== undefined) owners.set(client, known);
    return known;
  }

  /** Finds out about ids that nobody here knows. `written`: the document holds something of it already. */
  async learn(document: Document, clients: readonly number[], written: (client: number) => boolean): Promise<void> {
    const { elsewhere } = this;
    if (elsewhere === null) return;
    const found = await elsewhere.find(document.name, clients);
    const { owners } = this.page(document);
    for (const client of clients) {
      if (owners.has(client)) continue;
      const owner = found?.get(client) ?? elsewhere.present(document.name, client);
      if (owner !== undefined) owners.set(client, owner);
      // what no user wrote, the server did
      else if (found !== null && written(client)) owners.set(client, SERVER);
    }
  }

  /** Gives an id to a user, unless it has an owner. Returns whether it had none. */
  claim(document: Document, client: number, userId: string): boolean {
    if (this.ownerOf(document, client) !== undefined) return false;
    this.page(document).owners.set(client, userId);
    return true;
  }

  /** This connection writes with that id, and everything it has of it is in the document. */
  settle(document: Document, client: number, connection: Connection): void {
    this.page(document).live.set(client, connection);
  }

  /** Whether its owner is here, and has told all it has: then nobody else can have anything new of it. */
  isLive(document: Document, client: number): boolean {
    const connection = this.page(document).live.get(client);
    return connection !== undefined && document.hasConnection(connection);
  }
}
