/**
 * The boards of the benchmark: N items × 12 cells in board-model's shape, of the column types that teams use most.
 *
 * Guarantees: made with board-model itself, same content for every server under test; one empty text column that the users write to.
 */
import { asColumnId, asGroupId, asItemId, createItem, initBoard, type ColumnType, type ColumnValue, type NewColumn } from '@sunday/board-model'
import * as Y from 'yjs'
import type { CellPlace } from './cell-writer.ts'

export const CELLS_PER_ITEM = 12
/** The column the benchmark's users edit: text, so that a mark is a legal value. Empty in the fixture. */
export const EDITED_COLUMN_TITLE = 'Remark'

const AUTHOR = { userId: 'bench-author' }

const LABELS = ['Backlog', 'Next', 'Doing', 'Review', 'Done'].map((title, i) => ({ id: `l${i}`, title, color: '#579bfc' }))

/** Twelve filled columns; `value` must differ from item to item the way real cells do. */
const FILLED: readonly { title: string; type: ColumnType; value: (item: number) => ColumnValue }[] = [
  { title: 'Status', type: 'status', value: (i) => ({ labelId: `l${i % LABELS.length}` }) },
  { title: 'Team', type: 'dropdown', value: (i) => ({ labelId: `l${(i * 3) % LABELS.length}` }) },
  { title: 'Summary', type: 'text', value: (i) => `Customers ask for request ${i} in the second half of the year` },
  { title: 'Requested by', type: 'text', value: (i) => `Account ${i % 400}` },
  { title: 'Estimate', type: 'number', value: (i) => (i % 40) + 0.5 },
  { title: 'Score', type: 'number', value: (i) => i % 1000 },
  { title: 'Due', type: 'date', value: (i) => ({ date: `2026-${String((i % 12) + 1).padStart(2, '0')}-15` }) },
  { title: 'Runs', type: 'timeline', value: (i) => ({ from: '2026-01-01', to: `2026-06-${String((i % 28) + 1).padStart(2, '0')}` }) },
  { title: 'Approved', type: 'checkbox', value: (i) => i % 3 === 0 },
  { title: 'Rating', type: 'rating', value: (i) => (i % 5) + 1 },
  { title: 'Spec', type: 'link', value: (i) => ({ url: `https://example.org/spec/${i}` }) },
  { title: 'Contact', type: 'email', value: (i) => `person${i % 700}@example.org` },
]

const columnId = (index: number): string => `col${index}`
const EDITED_COLUMN_ID = 'remark'

export function makeBoard(name: string, items: number): Y.Doc {
  const doc = new Y.Doc()
  const columns: NewColumn[] = FILLED.map(({ title, type }, index) => ({
    id: asColumnId(columnId(index)),
    title,
    type,
    settings: type === 'status' || type === 'dropdown' ? { labels: LABELS } : {},
  }))
  columns.push({ id: asColumnId(EDITED_COLUMN_ID), title: EDITED_COLUMN_TITLE, type: 'text' })
  const groups = ['This quarter', 'Later'].map((title, index) => ({ id: asGroupId(`grp${index}`), title }))
  doc.transact(() => {
    initBoard(doc, { name, columns, groups }, AUTHOR)
    for (let i = 0; i < items; i += 1) {
      const values = Object.fromEntries(FILLED.map(({ value }, index) => [columnId(index), value(i)]))
      createItem(doc, { id: asItemId(`item${String(i).padStart(6, '0')}`), name: `Request ${i}`, groupId: asGroupId(`grp${i % 2}`), values }, AUTHOR)
    }
  })
  return doc
}

/**
 * Where the `seat`-th user of a board edits: the text cell of an item of his own. Found in the document as it came from the server,
 * which may have given items and columns ids of its own.
 */
export function cellOfSeat(doc: Y.Doc, seat: number): CellPlace {
  const items = doc.getMap('items')
  const itemId = [...items.keys()].sort()[seat]
  const item = itemId === undefined ? undefined : items.get(itemId)
  const parent = item instanceof Y.Map ? item._item?.id : undefined
  if (!(item instanceof Y.Map) || parent === undefined) throw new Error(`the board has no item for seat ${seat}`)
  const key = `c:${editedColumnId(doc)}`
  return { parent, key, previous: item._map.get(key)?.lastId ?? null }
}

function editedColumnId(doc: Y.Doc): string {
  for (const [id, column] of doc.getMap('columns')) {
    if (!(column instanceof Y.Map)) continue
    const stored: unknown = column.get('title')
    const title: unknown = Array.isArray(stored) ? stored[0] : stored
    if (title === EDITED_COLUMN_TITLE) return id
  }
  throw new Error(`the board has no column "${EDITED_COLUMN_TITLE}"`)
}
