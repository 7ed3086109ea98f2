/**
 * The heading row: sort, rename, hide, settings and archive of a column by menu; order by drag (mouse, or Space and arrows);
 * width by dragging the edge or by arrow keys on it.
 */
import { closestCenter, DndContext, KeyboardSensor, PointerSensor, useSensor, useSensors } from '@dnd-kit/core';
import type { Announcements, DragEndEvent } from '@dnd-kit/core';
import { horizontalListSortingStrategy, SortableContext, sortableKeyboardCoordinates, useSortable } from '@dnd-kit/sortable';
import { CSS } from '@dnd-kit/utilities';
import { ArchiveX, ArrowDownAZ, ArrowLeft, ArrowRight, ArrowUpAZ, ChevronDown, EyeOff, ListFilter, Plus, Settings2, X } from 'lucide-react';
import { newId } from '@sunday/board-model';
import { memo, useMemo, useRef } from 'react';
import type { KeyboardEvent, PointerEvent } from 'react';
import { attempt, useScope, useView } from '../board/context.ts';
import { NAME_KEY, TYPES } from '../board/model.ts';
import type { ColumnView } from '../board/model.ts';
import { operatorsFor } from '../board/query.ts';
import { toastUndo } from '../board/undo.ts';
import { MenuButton } from '../ui/Menu.tsx';
import type { MenuEntry } from '../ui/Menu.tsx';
import { useTable } from './table-context.ts';

const MIN_WIDTH = 72; // px: an icon and an ellipsis
const MAX_WIDTH = 720;
const WIDTH_STEP = 16; // px an arrow key widens

export const TableHead = memo(function TableHead() {
  const { board, canWrite, openDialog } = useScope();
  const { columns } = useTable();
  const sensors = useSensors(
    useSensor(PointerSensor, { activationConstraint: { distance: 6 } }),
    useSensor(KeyboardSensor, {
      coordinateGetter: sortableKeyboardCoordinates,
      keyboardCodes: { start: ['Space'], cancel: ['Escape'], end: ['Space', 'Enter'] },
    }),
  );
  const announcements = useMemo(() => announce((id) => board.columns.get(id)?.title ?? ''), [board]);
  const onDragEnd = ({ active, over }: DragEndEvent) => {
    if (!over || active.id === over.id) return;
    const from = columns.findIndex((column) => column.id === active.id);
    const to = columns.findIndex((column) => column.id === over.id);
    attempt(() => board.columns.move(String(active.id), from < to ? { after: String(over.id) } : { before: String(over.id) }));
  };
  return (
    <div role="row" aria-rowindex={1} className="thead">
      <div className="th th-handle" role="columnheader" aria-colindex={1} aria-label="Move" />
      <NameHead />
      <DndContext sensors={sensors} collisionDetection={closestCenter} accessibility={{ announcements }} onDragEnd={onDragEnd}>
        <SortableContext items={columns.map((column) => column.id)} strategy={horizontalListSortingStrategy}>
          {columns.map((column, index) => (
            <Head key={column.id} column={column} index={index} />
          ))}
        </SortableContext>
      </DndContext>
      <div className="th th-add" role="columnheader" aria-colindex={columns.length + 3}>
        {canWrite && (
          <button type="button" className="row-tool" aria-label="Add column" title="Add column" onClick={() => openDialog({ kind: 'new-column' })}>
            <Plus aria-hidden />
          </button>
        )}
      </div>
    </div>
  );
});

function announce(titleOf: (id: string) => string): Announcements {
  const title = ({ id }: { id: string | number }) => titleOf(String(id));
  return {
    onDragStart: ({ active }) => `Picked up ${title(active)}. Left and right move it, Space drops it, Escape cancels.`,
    onDragOver: ({ active, over }) =>
      over && over.id !== active.id ? `${title(active)} is now at the place of ${title(over)}.` : `${title(active)} is at its own place.`,
    onDragEnd: ({ active, over }) => `${title(active)} was dropped${over && over.id !== active.id ? ` at the place of ${title(over)}` : ' where it was'}.`,
    onDragCancel: ({ active }) => `${title(active)} stays where it was.`,
  };
}

function NameHead() {
  const { view } = useScope();
  const { sort } = useView();
  const sorted = sort?.columnId === NAME_KEY ? sort.direction : null;
  return (
    <div role="columnheader" aria-colindex={2} aria-sort={sorted === null ? 'none' : sorted === 'up' ? 'ascending' : 'descending'} className="th th-name">
      <span className="th-title truncate">Item</span>
      <MenuButton
        label="Sort by name"
        className="row-tool th-menu"
        entries={() => [
          {
            kind: 'item',
            label: 'Sort A → Z',
            icon: <ArrowUpAZ aria-hidden />,
            checked: sorted === 'up',
            onSelect: () => view.patch({ sort: { columnId: NAME_KEY, direction: 'up' } }),
          },
          {
            kind: 'item',
            label: 'Sort Z → A',
            icon: <ArrowDownAZ aria-hidden />,
            checked: sorted === 'down',
            onSelect: () => view.patch({ sort: { columnId: NAME_KEY, direction: 'down' } }),
          },
          { kind: 'item', label: 'Do not sort', icon: <X aria-hidden />, disabled: !sort, onSelect: () => view.patch({ sort: null }) },
        ]}
      >
        <ChevronDown aria-hidden />
      </MenuButton>
      <Resizer columnKey={NAME_KEY} title="Item" />
    </div>
  );
}

function Head({ column, index }: { column: ColumnView; index: number }) {
  const { board, view, canWrite, openDialog } = useScope();
  const { columns } = useTable();
  const { sort, filters } = useView();
  const { setNodeRef, setActivatorNodeRef, listeners, attributes, transform, transition, isDragging } = useSortable({ id: column.id, disabled: !canWrite });
  const sorted = sort?.columnId === column.id ? sort.direction : null;
  const Icon = TYPES[column.type].icon;
  const previous = columns[index - 1];
  const next = columns[index + 1];

  const entries = (): MenuEntry[] => [
    {
      kind: 'item',
      label: 'Sort ascending',
      icon: <ArrowUpAZ aria-hidden />,
      checked: sorted === 'up',
      onSelect: () => view.patch({ sort: sorted === 'up' ? null : { columnId: column.id, direction: 'up' } }),
    },
    {
      kind: 'item',
      label: 'Sort descending',
      icon: <ArrowDownAZ aria-hidden />,
      checked: sorted === 'down',
      onSelect: () => view.patch({ sort: sorted === 'down' ? null : { columnId: column.id, direction: 'down' } }),
    },
    {
      kind: 'item',
      label: 'Filter by this column',
      icon: <ListFilter aria-hidden />,
      onSelect: () =>
        view.patch({ filters: [...filters, { id: newId(8), columnId: column.id, operator: operatorsFor(column.type)[0] ?? 'contains', text: '', ids: [] }] }),
    },
    { kind: 'item', label: 'Hide in my view', icon: <EyeOff aria-hidden />, onSelect: () => view.patch({ hidden: [...view.get().hidden, column.id] }) },
    ...(canWrite
      ? ([
          { kind: 'separator' },
          { kind: 'item', label: 'Rename and settings', icon: <Settings2 aria-hidden />, onSelect: () => openDialog({ kind: 'column', columnId: column.id }) },
          { kind: 'item', label: 'Add column after', icon: <Plus aria-hidden />, onSelect: () => openDialog({ kind: 'new-column', after: column.id }) },
          {
            kind: 'item',
            label: 'Move left',
            icon: <ArrowLeft aria-hidden />,
            disabled: !previous,
            onSelect: () => previous && attempt(() => board.columns.move(column.id, { before: previous.id })),
          },
          {
            kind: 'item',
            label: 'Move right',
            icon: <ArrowRight aria-hidden />,
            disabled: !next,
            onSelect: () => next && attempt(() => board.columns.move(column.id, { after: next.id })),
          },
          { kind: 'separator' },
          {
            kind: 'item',
            label: 'Archive column',
            icon: <ArchiveX aria-hidden />,
            danger: true,
            onSelect: () =>
              attempt(() => {
                board.columns.remove(column.id);
                toastUndo(board, `“${column.title}” is archived; its cells are kept`);
              }),
          },
        ] satisfies MenuEntry[])
      : []),
  ];

  return (
    <div
      ref={setNodeRef}
      role="columnheader"
      aria-colindex={index + 3}
      aria-sort={sorted === null ? 'none' : sorted === 'up' ? 'ascending' : 'descending'}
      className={`th ${isDragging ? 'is-dragging' : ''}`}
      style={{ transform: CSS.Translate.toString(transform), transition }}
    >
      <button
        ref={setActivatorNodeRef}
        type="button"
        {...attributes}
        {...listeners}
        role="button"
        className="th-grip"
        aria-label={`${column.title}, ${TYPES[column.type].name} column. Space moves it.`}
        title={column.title}
      >
        <Icon aria-hidden />
        <span className="th-title truncate">{column.title}</span>
        {sorted && (sorted === 'up' ? <ArrowUpAZ className="th-sort" aria-hidden /> : <ArrowDownAZ className="th-sort" aria-hidden />)}
      </button>
      <MenuButton label={`Menu of ${column.title}`} className="row-tool th-menu" entries={entries} align="end">
        <ChevronDown aria-hidden />
      </MenuButton>
      <Resizer columnKey={column.id} title={column.title} />
    </div>
  );
}

function Resizer({ columnKey, title }: { columnKey: string; title: string }) {
  const { view } = useScope();
  const from = useRef<{ x: number; width: number } | null>(null);
  const widthNow = (el: HTMLElement) => el.parentElement?.getBoundingClientRect().width ?? MIN_WIDTH;
  const setWidth = (width: number) =>
    view.patch({ widths: { ...view.get().widths, [columnKey]: Math.round(Math.max(MIN_WIDTH, Math.min(MAX_WIDTH, width))) } });
  return (
    <span
      role="separator"
      aria-orientation="vertical"
      aria-label={`Width of ${title}`}
      aria-valuenow={view.get().widths[columnKey] ?? 0}
      tabIndex={0}
      className="resizer"
      onPointerDown={(event: PointerEvent<HTMLElement>) => {
        event.stopPropagation();
        event.currentTarget.setPointerCapture(event.pointerId);
        from.current = { x: event.clientX, width: widthNow(event.currentTarget) };
      }}
      onPointerMove={(event) => from.current && setWidth(from.current.width + event.clientX - from.current.x)}
      onPointerUp={() => {
        from.current = null;
      }}
      onKeyDown={(event: KeyboardEvent<HTMLElement>) => {
        if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
        event.preventDefault();
        event.stopPropagation();
        setWidth(widthNow(event.currentTarget) + (event.key === 'ArrowRight' ? WIDTH_STEP : -WIDTH_STEP));
      }}
    />
  );
}
