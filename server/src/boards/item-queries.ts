/**
 * Reading items: pages in the board's order or a sorted one, filtered by values; one item with its long text in full.
 *
 * Guarantees: committed state only; a page costs its rows, not the board's; a cursor neither repeats nor skips an item that did not move.
 */
import { SundayError } from '../errors.ts';
import { findBoardRow } from './board-queries.ts';
import { decodeCursor, encodeCursor, pageOf, type CursorKeys } from './cursor.ts';
import { itemEtag } from './etags.ts';
import { SqlParams, type FilterableColumn } from './item-fields.ts';
import { filterSql, type Filter } from './item-filter.ts';
import { parseSort, sortSql } from './item-sort.ts';
import { itemsByGroup, itemsOfGroup, itemsSorted, ONE_ITEM, ungroupedItems } from './item-statements.ts';
import { requireRole, type BoardsParts } from './parts.ts';
import {
  excerptsOf, itemFactsFromDoc, itemFactsFromRow, itemResource, structureOf, structureOfDoc, withFullText,
  type Actor, type ItemFacts, type ItemResource, type ItemRow, type Page, type Structure,
} from './resources.ts';

export type ItemListing = {
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly sort?: string | undefined;
  readonly filters?: readonly Filter[];
  /** Deleted items instead of live ones. */
  readonly deleted?: boolean;
};

export type ItemQueries = {
  listItems(actor: Actor, boardId: string, listing: ItemListing): Promise<Page<ItemResource>>;
  getItem(actor: Actor, boardId: string, itemId: string): Promise<{ item: ItemResource; etag: string }>;
};

type OrderedGroup = { readonly id: string; readonly position: string };

export function itemQueries(parts: BoardsParts): ItemQueries {
  const { database, engine } = parts;

  /** What makes up `conditions` besides the board: each call has parameters of its own. */
  function conditionsOf(listing: ItemListing, columns: readonly FilterableColumn[], params: SqlParams): string {
    return [`deleted_at IS ${listing.deleted ? 'NOT ' : ''}NULL`, ...filterSql(listing.filters ?? [], columns, params)].join(' AND ');
  }

  async function sortedPage(boardId: string, listing: ItemListing, columns: readonly FilterableColumn[], structure: Structure): Promise<Page<ItemResource>> {
    const params = new SqlParams();
    const board = params.add(boardId, 'uuid');
    const sort = sortSql(parseSort(listing.sort), columns, params);
    const list = ['items', boardId, listing.sort, listing.filters ?? [], listing.deleted ?? false];
    const after = decodeCursor(list, listing.cursor, sort.length);
    const conditions = [conditionsOf(listing, columns, params), ...(after === undefined ? [] : [sort.after(after)])].join(' AND ');
    const text = itemsSorted(board, sort.select, conditions, sort.orderBy, params.add(listing.limit + 1, 'int'));
    const rows = await database.query<ItemRow & Record<`key_${number}`, string | null>>(text, params.values);
    const keysOf = (row: (typeof rows)[number]): CursorKeys => [
      ...Array.from({ length: sort.length - 1 }, (_, index) => row[`key_${index}`] ?? null),
      row.item_id,
    ];
    return pageOf(rows, listing.limit, (row) => itemResource(boardId, itemFactsFromRow(row, structure)), (last) => encodeCursor(list, keysOf(last)));
  }

  async function boardOrderPage(
    boardId: string, listing: ItemListing, columns: readonly FilterableColumn[], structure: Structure, groups: readonly OrderedGroup[],
  ): Promise<Page<ItemResource>> {
    const list = ['items', boardId, null, listing.filters ?? [], listing.deleted ?? false];
    const after = decodeCursor(list, listing.cursor, 4);
    const byId = new Map(groups.map((group) => [group.id, group]));
    const wanted = listing.limit + 1;
    const rows: ItemRow[] = [];

    /** Adds what is still wanted, by a statement made with parameters of its own. */
    const fill = async (make: (params: SqlParams, board: string, conditions: string, limit: string) => string): Promise<void> => {
      if (rows.length >= wanted) return;
      const params = new SqlParams();
      const text = make(params, params.add(boardId, 'uuid'), conditionsOf(listing, columns, params), params.add(wanted - rows.length, 'int'));
      rows.push(...(await database.query<ItemRow>(text, params.values)));
    };

    let whole = groups;
    if (after !== undefined) {
      const [position, id] = after;
      whole = position === undefined || position === null || id === undefined || id === null ? [] : groups.filter((group) => inOrder(group, { position, id }) > 0);
      if (typeof id === 'string' && byId.has(id)) {
        whole = groups.slice(groups.findIndex((group) => group.id === id) + 1);
        await fill((params, board, conditions, limit) => itemsOfGroup(board, params.add(id, 'text'), afterItem(after, params), conditions, limit));
      }
    }
    if (whole.length > 0) {
      await fill((params, board, conditions, limit) => itemsByGroup(board, params.add(whole.map((group) => group.id), 'text[]'), conditions, limit));
    }
    await fill((params, board, conditions, limit) => {
      const follows = after !== undefined && after[1] === null ? afterItem(after, params) : 'true';
      return ungroupedItems(board, params.add([...byId.keys()], 'text[]'), follows, conditions, limit);
    });
    return pageOf(rows, listing.limit, (row) => itemResource(boardId, itemFactsFromRow(row, structure)), (last) => {
      const group = last.group_id === null ? undefined : byId.get(last.group_id);
      return encodeCursor(list, [group?.position ?? null, group?.id ?? null, last.position, last.item_id]);
    });
  }

  return {
    async listItems(actor, boardId, listing) {
      await requireRole(parts, actor, boardId, 'viewer');
      const row = await findBoardRow(database, boardId);
      const columns = row.columns.filter((column) => (column.archivedAt ?? null) === null);
      const structure = structureOf(row);
      if (parseSort(listing.sort).length > 0) return sortedPage(boardId, listing, columns, structure);
      const groups = row.groups.filter((group) => (group.archivedAt ?? null) === null);
      return boardOrderPage(boardId, listing, columns, structure, groups.toSorted(inOrder));
    },

    async getItem(actor, boardId, itemId) {
      await requireRole(parts, actor, boardId, 'viewer');
      const [row] = await database.query<ItemRow>(ONE_ITEM, [boardId, itemId]);
      if (row === undefined || row.deleted_at !== null) throw noSuchItem();
      const structure = structureOf(await findBoardRow(database, boardId));
      const facts = itemFactsFromRow(row, structure);
      const full = excerptsOf(facts.values, structure).length === 0 ? { facts, structure } : await readInFull(boardId, itemId);
      return { item: itemResource(boardId, full.facts), etag: itemEtag(full.facts, full.structure) };
    },
  };

  /** Long text beyond the excerpt is only in the document. */
  async function readInFull(boardId: string, itemId: string): Promise<{ facts: ItemFacts; structure: Structure }> {
    const { value } = await engine.read(boardId, (doc) => {
      const structure = structureOfDoc(doc);
      const facts = itemFactsFromDoc(doc, itemId, structure);
      return facts === undefined || facts.deletedAt !== null ? undefined : { facts: withFullText(doc, facts, structure), structure };
    });
    if (value === undefined) throw noSuchItem();
    return value;
  }
}

export const noSuchItem = (): SundayError => new SundayError('not_found', 'There is no such item on this board');

const inOrder = (a: OrderedGroup, b: OrderedGroup): number => compareText(a.position, b.position) || compareText(a.id, b.id);
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const afterItem = (after: CursorKeys, params: SqlParams): string => `(position, item_id) > (${params.add(after[2] ?? '', 'text')}, ${params.add(after[3] ?? '', 'text')})`;
