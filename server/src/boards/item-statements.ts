/**
 * The SQL of item reads. Reads come from the projection, which is written in the batch's own transaction: what they answer is committed,
 * and no board is loaded for them.
 */
export const ITEM_COLUMNS = 'item_id, group_id, name, position, item_values, created_at, created_by, updated_at, updated_by, deleted_at';

/** $1 board, $2 item */
export const ONE_ITEM = {
  name: 'one_item',
  text: `SELECT ${ITEM_COLUMNS} FROM items WHERE board_id = $1 AND item_id = $2`,
} as const;

/** The rest of one group, from where a cursor stands. */
export const itemsOfGroup = (board: string, group: string, after: string, conditions: string, limit: string): string => `
SELECT ${ITEM_COLUMNS}
  FROM items
 WHERE board_id = ${board} AND group_id = ${group} AND ${after} AND ${conditions}
 ORDER BY position, item_id
 LIMIT ${limit}`;

/**
 * Whole groups in the board's own order. One index range a group (`limit` rows at most of each), not a sort of the whole board.
 * @param groups placeholder of the ids of the groups, in order
 */
export const itemsByGroup = (board: string, groups: string, conditions: string, limit: string): string => `
SELECT ${ITEM_COLUMNS}
  FROM unnest(${groups}) WITH ORDINALITY AS wanted (id, rank)
 CROSS JOIN LATERAL (
       SELECT * FROM items
        WHERE board_id = ${board} AND group_id = wanted.id AND ${conditions}
        ORDER BY position, item_id
        LIMIT ${limit}
       ) AS item
 ORDER BY wanted.rank, position, item_id
 LIMIT ${limit}`;

/**
 * The tail of the board's own order: items without a group, and those whose group is none of the live ones. Which groups the board's items
 * name is found by hopping through the index from one to the next (`held`), so that a page costs its rows here, too. In the branch without
 * a group, ordering by it changes nothing but lets the index give the order.
 */
export const ungroupedItems = (board: string, groups: string, after: string, conditions: string, limit: string): string => `
WITH RECURSIVE held (id) AS (
       (SELECT group_id FROM items WHERE board_id = ${board} AND group_id IS NOT NULL ORDER BY group_id LIMIT 1)
        UNION ALL
       SELECT (SELECT group_id FROM items WHERE board_id = ${board} AND group_id > held.id ORDER BY group_id LIMIT 1)
         FROM held WHERE held.id IS NOT NULL
     ),
     strays AS (SELECT id FROM held WHERE id <> ALL (${groups}))
SELECT ${ITEM_COLUMNS}
  FROM (
       (SELECT * FROM items
         WHERE board_id = ${board} AND group_id IS NULL AND ${after} AND ${conditions}
         ORDER BY group_id, position, item_id
         LIMIT ${limit})
       UNION ALL
       SELECT item.*
         FROM strays
        CROSS JOIN LATERAL (
              SELECT * FROM items
               WHERE board_id = ${board} AND group_id = strays.id AND ${after} AND ${conditions}
               ORDER BY position, item_id
               LIMIT ${limit}
              ) AS item
       ) AS ungrouped
 ORDER BY position, item_id
 LIMIT ${limit}`;

/** A page in an order of the caller's. */
export const itemsSorted = (board: string, select: string, conditions: string, orderBy: string, limit: string): string => `
SELECT ${ITEM_COLUMNS}, ${select}
  FROM items
 WHERE board_id = ${board} AND ${conditions}
 ORDER BY ${orderBy}
 LIMIT ${limit}`;
