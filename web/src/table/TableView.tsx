/**
 * The board as a table: one virtual list over all groups, so that 10 000 items cost as much as the 40 on screen.
 * Owns the keyboard grid, the pointer's clicks on cells, and the dragging of rows; rows and cells draw themselves.
 */
import { DndContext, DragOverlay, KeyboardSensor, MeasuringStrategy, PointerSensor, useSensor, useSensors } from '@dnd-kit/core';
import type { DragEndEvent, DragMoveEvent } from '@dnd-kit/core';
import { defaultRangeExtractor, useVirtualizer } from '@tanstack/react-virtual';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { ClipboardEvent, FocusEvent, KeyboardEvent, MouseEvent } from 'react';
import { attempt, setCell, useColumnList, useScope, useView } from '../board/context.ts';
import { pagesOf, useLooksAt } from '../board/looking.ts';
import { groupColor, HANDLE_KEY, NAME_KEY, nameOf, TYPES } from '../board/model.ts';
import { usePeople } from '../board/people.ts';
import type { Row } from '../board/query.ts';
import { editKindOf } from '../cells/kind.ts';
import type { Leave } from '../cells/InlineEditor.tsx';
import { createStore } from '../ui/store.ts';
import { toast } from '../ui/toast.tsx';
import { copyCell, pasteCell } from './clipboard.ts';
import { openGrid } from './grid-state.ts';
import { AddRow, GroupRow, NewGroupButton, toggleFold } from './GroupRow.tsx';
import { ItemRow } from './ItemRow.tsx';
import { gridAction } from './keyboard.ts';
import { announce, dropOf, nearestRow, placeOf, stepByRow } from './row-drag.ts';
import type { Drop } from './row-drag.ts';
import { openSelection, SelectionContext } from './selection.ts';
import { SelectionBar } from './SelectionBar.tsx';
import { TableContext } from './table-context.ts';
import type { TableScope } from './table-context.ts';
import { TableHead } from './TableHead.tsx';
import { useCellFocus } from './use-cell-focus.ts';

const HANDLE_WIDTH = 46; // grip and checkbox
const PHONE_HANDLE_WIDTH = 26; // grip alone
const ADD_WIDTH = 44;
const NAME_WIDTH = 340;
const PHONE_NAME_WIDTH = 190;
const FOOT = 120; // px of room below the last row

/** Row heights in px; they must equal the style sheet's. */
function heights() {
  const coarse = matchMedia('(pointer: coarse)').matches;
  return { item: coarse ? 42 : 36, add: coarse ? 64 : 58, group: 44 };
}

export function TableView({ rows }: { rows: readonly Row[] }) {
  const { board, view, openItem, canWrite } = useScope();
  const state = useView();
  const people = usePeople();
  const all = useColumnList();
  const columns = useMemo(() => all.filter((column) => !state.hidden.includes(column.id)), [all, state.hidden]);
  const scroller = useRef<HTMLDivElement>(null);
  const [grid] = useState(openGrid);
  const [selection] = useState(openSelection);
  const [drop] = useState(() => createStore<Drop | null>(null));
  const [dragged, setDragged] = useState<string | null>(null);
  const size = useMemo(heights, []);
  const latest = useRef(rows);
  latest.current = rows;

  const keys = useMemo(() => [HANDLE_KEY, NAME_KEY, ...columns.map((column) => column.id)], [columns]);
  const widths = useMemo(() => {
    const phone = window.innerWidth < 640;
    const name = state.widths[NAME_KEY] ?? (phone ? PHONE_NAME_WIDTH : NAME_WIDTH);
    return [
      phone ? PHONE_HANDLE_WIDTH : HANDLE_WIDTH,
      phone ? Math.min(name, PHONE_NAME_WIDTH) : name,
      ...columns.map((column) => state.widths[column.id] ?? TYPES[column.type].width),
      ADD_WIDTH,
    ];
  }, [columns, state.widths]);

  const heightOf = useCallback((index: number) => size[latest.current[index]?.kind ?? 'item'], [size]);
  // a new function exactly when the rows are others: the virtual list measures anew then, and only then
  const keyOf = useCallback((index: number) => rows[index]?.key ?? index, [rows]);
  const pinned = useRef(-1); // the row being edited or dragged stays mounted when it scrolls away
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: heightOf,
    getItemKey: keyOf,
    overscan: 12,
    paddingEnd: FOOT,
    scrollPaddingStart: 40, // the sticky head
    scrollPaddingEnd: 24,
    rangeExtractor: (range) => {
      const list = defaultRangeExtractor(range);
      return pinned.current < 0 || pinned.current >= range.count || list.includes(pinned.current) ? list : [...list, pinned.current].sort((a, b) => a - b);
    },
  });
  const focusCell = useCellFocus(grid, scroller, latest, (index) => virtual.scrollToIndex(index, { align: 'auto' }), pinned);
  usePresenceOfGrid(grid, board);
  const { startIndex: top = 0, endIndex: bottom = 0 } = virtual.range ?? {};
  const pages = useCallback(() => pagesOf(board, rows.slice(top, bottom + 1).flatMap((row) => (row.kind === 'item' ? row.itemId : []))), [board, rows, top, bottom]);
  useLooksAt('view', pages);

  const leave = useCallback(
    (how: Leave) => {
      const now = grid.get();
      const at = latest.current.findIndex((row) => row.key === now.row);
      const col = keys.indexOf(now.column);
      const down = how === 'down' ? latest.current[at + 1] : undefined;
      const side = how === 'next' ? keys[col + 1] : how === 'previous' ? keys[Math.max(1, col - 1)] : undefined;
      grid.set({ row: down?.kind === 'item' ? down.key : now.row, column: side ?? now.column, editing: false, typed: null });
      focusCell();
    },
    [grid, keys, focusCell],
  );

  const edit = useCallback(
    (rowKey: string, columnKey: string, typed: string | null) => {
      const row = latest.current.find((each) => each.key === rowKey);
      const at = { row: rowKey, column: columnKey, editing: false, typed: null };
      if (row?.kind === 'group' && typed === null) return toggleFold(view, row);
      if (row?.kind !== 'item') return grid.set(at);
      if (columnKey === NAME_KEY) return grid.set({ ...at, editing: canWrite, typed });
      const column = board.columns.get(columnKey);
      const item = board.items.get(row.itemId);
      if (!column || !item) return grid.set(at);
      const kind = editKindOf(column);
      if (kind === 'page' && typed === null) openItem(item.id);
      if (!canWrite || kind === 'none' || kind === 'page') return grid.set(at);
      if (kind === 'toggle') {
        grid.set(at);
        if (typed !== null) return;
        const value = item.values[column.id];
        if (column.type === 'checkbox') setCell(board, item.id, column.id, value !== true);
        else setCell(board, item.id, column.id, (typeof value === 'number' ? value : 0) + 1);
        return;
      }
      grid.set({ ...at, editing: true, typed });
    },
    [board, canWrite, grid, openItem, view],
  );

  const onKeyDown = (event: KeyboardEvent) => {
    const now = grid.get();
    if (now.editing || dragged !== null) return;
    const target = event.target;
    if (!(target instanceof HTMLElement) || target.dataset['row'] === undefined) return;
    const action = gridAction(event, now, rows, keys);
    if (!action) return;
    const row = rows.find((each) => each.key === now.row);
    if (row?.kind === 'add' && action.kind !== 'move') return;
    event.preventDefault();
    switch (action.kind) {
      case 'move': {
        const next = rows.find((each) => each.key === action.row);
        grid.set({ row: action.row, column: next?.kind === 'item' ? action.column : NAME_KEY, editing: false, typed: null });
        return focusCell();
      }
      case 'edit':
        return edit(now.row ?? '', now.column, action.typed);
      case 'open':
        if (row?.kind === 'item') openItem(row.itemId);
        return undefined;
      case 'clear': {
        const column = board.columns.get(now.column);
        if (row?.kind === 'item' && column && canWrite && editKindOf(column) !== 'none' && editKindOf(column) !== 'page')
          setCell(board, row.itemId, column.id, null);
        return undefined;
      }
      case 'pick':
        if (row?.kind === 'item' && canWrite) selection.toggle(row.itemId, rows, event.shiftKey);
        return undefined;
      case 'leave':
        selection.clear();
        return target.blur();
    }
  };

  const onClick = (event: MouseEvent) => {
    if (!(event.target instanceof Element)) return;
    const pick = event.target.closest<HTMLElement>('[data-pick]')?.dataset['pick'];
    if (pick !== undefined && canWrite) selection.toggle(pick, rows, event.shiftKey);
    if (event.target.closest('[data-act]')) return;
    const cell = event.target.closest<HTMLElement>('[data-row][data-col]');
    const { row, col } = cell?.dataset ?? {};
    if (!row || !col || col === HANDLE_KEY) return;
    const now = grid.get();
    if (now.editing && now.row === row && now.column === col) return;
    // a finger cannot hover for the "open" button: the name opens the item
    if (col === NAME_KEY && row.startsWith('i:') && matchMedia('(pointer: coarse)').matches) return openItem(row.slice(2));
    const isGroup = row.startsWith('g:');
    if (isGroup) return grid.set({ row, column: NAME_KEY, editing: false, typed: null });
    edit(row, col, null);
  };

  const onFocus = (event: FocusEvent<HTMLElement>) => {
    const { row, col } = event.target.dataset;
    const now = grid.get();
    if (row && col && (now.row !== row || now.column !== col) && !now.editing) grid.set({ row, column: col, editing: false, typed: null });
  };

  const onClipboard = (event: ClipboardEvent) => {
    const { row, column, editing } = grid.get();
    const onCell = event.target instanceof HTMLElement && event.target.dataset['row'] === row;
    if (editing || !onCell || !row?.startsWith('i:') || (event.type === 'copy' && getSelection()?.isCollapsed === false)) return;
    if (event.type === 'paste' && canWrite) pasteCell(event.clipboardData, board, row.slice(2), column);
    else if (event.type !== 'copy' || !copyCell(event.clipboardData, board, row.slice(2), column, people)) return;
    event.preventDefault();
  };

  const sensors = useSensors(
    useSensor(PointerSensor, { activationConstraint: { distance: 4 } }),
    useSensor(KeyboardSensor, { coordinateGetter: stepByRow, keyboardCodes: { start: ['Space'], cancel: ['Escape'], end: ['Space', 'Enter'] } }),
  );
  const onDragMove = (event: DragMoveEvent) => {
    const next = dropOf(event);
    const now = drop.get();
    if (next?.key !== now?.key || next?.side !== now?.side) drop.set(next);
  };
  const onDragEnd = ({ active }: DragEndEvent) => {
    const at = drop.get();
    drop.set(null);
    setDragged(null);
    const itemId = String(active.id);
    const place = at && placeOf(rows, at, itemId);
    if (!place) return;
    if (state.sort && place.groupId === (board.items.get(itemId)?.groupId ?? null)) {
      toast('The table is sorted: clear the sort to order rows by hand', { action: { label: 'Clear sort', run: () => view.patch({ sort: null }) } });
      return;
    }
    attempt(() => board.items.move(itemId, place));
  };
  const nameOfItem = (id: string) => nameOf(board.items.get(id) ?? { name: '' });
  const announcements = useMemo(
    () =>
      announce(
        () => latest.current,
        (id) => nameOf(board.items.get(id) ?? { name: '' }),
      ),
    [board],
  );

  const scope = useMemo<TableScope>(() => ({ grid, drop, columns, leave }), [grid, drop, columns, leave]);
  const first = rows.find((row) => row.kind === 'item') ?? rows[0];
  return (
    <TableContext value={scope}>
      <SelectionContext value={selection}>
        <div
          ref={scroller}
          className="table"
          role="grid"
          aria-label="Items"
          aria-rowcount={rows.length + 1}
          aria-colcount={keys.length}
          style={{
            '--cols': widths.map((width) => `${width}px`).join(' '),
            '--handle': `${widths[0] ?? HANDLE_WIDTH}px`,
            '--name-width': `${widths[1] ?? NAME_WIDTH}px`,
            '--total': `${widths.reduce((sum, width) => sum + width, 0)}px`,
          }}
          onKeyDown={onKeyDown}
          onClick={onClick}
          onFocus={onFocus}
          onCopy={onClipboard}
          onPaste={onClipboard}
        >
          <TableHead />
          <DndContext
            sensors={sensors}
            collisionDetection={nearestRow}
            measuring={{ droppable: { strategy: MeasuringStrategy.Always } }}
            accessibility={{ announcements }}
            onDragStart={({ active }) => setDragged(String(active.id))}
            onDragMove={onDragMove}
            onDragOver={onDragMove}
            onDragEnd={onDragEnd}
            onDragCancel={() => {
              drop.set(null);
              setDragged(null);
            }}
          >
            <div className="tbody" role="rowgroup" style={{ height: virtual.getTotalSize() }}>
              {virtual.getVirtualItems().map(({ index, start, key }) => {
                const row = rows[index];
                if (!row) return null;
                switch (row.kind) {
                  case 'group':
                    return <GroupRow key={key} row={row} index={index} top={start} />;
                  case 'add':
                    return <AddRow key={key} row={row} index={index} top={start} />;
                  case 'item':
                    return <ItemRow key={key} rowKey={row.key} itemId={row.itemId} index={index} top={start} color={groupColor(row.group)} tail={row.tail} />;
                }
              })}
              <div className="tfoot" style={{ top: virtual.getTotalSize() - FOOT }}>
                <NewGroupButton />
              </div>
            </div>
            <DragOverlay dropAnimation={null}>{dragged !== null && <div className="drag-row truncate">{nameOfItem(dragged)}</div>}</DragOverlay>
          </DndContext>
          {first && <EntryStop grid={grid} rowKey={first.key} onEnter={focusCell} />}
        </div>
        <SelectionBar />
      </SelectionContext>
    </TableContext>
  );
}

/** Before any cell was visited, Tab into the grid lands here and goes on to the first cell. */
function EntryStop({ grid, rowKey, onEnter }: { grid: ReturnType<typeof openGrid>; rowKey: string; onEnter: () => void }) {
  return (
    <span
      className="sr-only"
      tabIndex={0}
      onFocus={(event) => {
        event.stopPropagation();
        const now = grid.get();
        if (now.row === null) grid.set({ row: rowKey, column: NAME_KEY, editing: false, typed: null });
        onEnter();
      }}
    >
      Items
    </span>
  );
}

/** Tells the others which cell we are on. */
function usePresenceOfGrid(grid: ReturnType<typeof openGrid>, board: ReturnType<typeof useScope>['board']): void {
  useEffect(() => {
    const tell = () => {
      const { row, column, editing } = grid.get();
      const itemId = row?.startsWith('i:') ? row.slice(2) : null;
      board.presence.set(itemId ? { cell: { itemId, columnId: column === HANDLE_KEY ? NAME_KEY : column }, editing } : { cell: null, editing: null });
    };
    const stop = grid.subscribe(tell);
    return () => {
      stop();
      board.presence.set({ cell: null, editing: null });
    };
  }, [grid, board]);
}
