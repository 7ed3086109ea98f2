/** New item, search, filter, sort, hidden columns, and what makes the kanban's lanes. */
import { ArrowUpDown, Columns3, Eye, EyeOff, ListFilter, Plus, Search, SquareKanban, X } from 'lucide-react';
import { useRef, useState } from 'react';
import type { ViewName } from '../app/router.ts';
import { BY_GROUP, laneSource } from '../kanban/lanes.ts';
import { MenuButton } from '../ui/Menu.tsx';
import type { MenuEntry } from '../ui/Menu.tsx';
import { Popover } from '../ui/Popover.tsx';
import { attempt, useColumnList, useGroupList, useScope, useView } from './context.ts';
import { FilterPanel } from './FilterPanel.tsx';
import { countItems, hasLabels, NAME_KEY, TYPES } from './model.ts';

export function Toolbar({ viewName, shown, total }: { viewName: ViewName; shown: number; total: number }) {
  const { board, view, canWrite, openItem } = useScope();
  const state = useView();
  const groups = useGroupList();
  const addItem = () => {
    const groupId = groups[0]?.id ?? null;
    const first = groupId === null ? undefined : board.items.inGroup(groupId)[0];
    const id = attempt(() => board.items.create({ name: '', groupId, ...(first ? { before: first.id } : {}) }));
    if (id) openItem(id);
  };
  const narrowed = shown !== total;
  return (
    <div className="toolbar" role="toolbar" aria-label="View options">
      {canWrite && (
        <button type="button" className="btn btn-primary" onClick={addItem}>
          <Plus aria-hidden /> New item
        </button>
      )}
      <label className="search">
        <Search aria-hidden />
        <input
          id="board-search"
          className="input"
          type="search"
          aria-label="Search this board"
          placeholder="Search"
          value={state.search}
          onChange={(event) => view.patch({ search: event.target.value })}
          onKeyDown={(event) => event.key === 'Escape' && view.patch({ search: '' })}
        />
      </label>
      <FilterButton />
      <SortButton />
      <HideButton />
      {viewName === 'kanban' && <LanesButton />}
      <span className="grow" />
      <span className="muted count" role="status">
        {narrowed ? `${shown} of ${total}` : countItems(total)}
      </span>
    </div>
  );
}

function SortButton() {
  const { view } = useScope();
  const { sort } = useView();
  const columns = useColumnList();
  const titles = new Map<string, string>([[NAME_KEY, 'Name'], ...columns.map((column) => [column.id, column.title] as [string, string])]);
  const entries = (): MenuEntry[] => [
    ...[...titles].map(([id, label]): MenuEntry => ({
      kind: 'item',
      label,
      checked: sort?.columnId === id,
      hint: sort?.columnId === id ? (sort.direction === 'up' ? '↑' : '↓') : '',
      onSelect: () => view.patch({ sort: { columnId: id, direction: sort?.columnId === id && sort.direction === 'up' ? 'down' : 'up' } }),
    })),
    { kind: 'separator' },
    { kind: 'item', label: 'Do not sort', icon: <X aria-hidden />, disabled: !sort, onSelect: () => view.patch({ sort: null }) },
  ];
  return (
    <MenuButton label="Sort" className={`btn btn-ghost ${sort ? 'is-on' : ''}`} entries={entries}>
      <ArrowUpDown aria-hidden />{' '}
      <span className="tool-word truncate">{sort ? `${titles.get(sort.columnId) ?? 'Sort'} ${sort.direction === 'up' ? '↑' : '↓'}` : 'Sort'}</span>
    </MenuButton>
  );
}

function HideButton() {
  const { view } = useScope();
  const { hidden } = useView();
  const columns = useColumnList();
  const count = columns.filter((column) => hidden.includes(column.id)).length;
  const entries = (): MenuEntry[] => [
    ...columns.map((column): MenuEntry => {
      const off = hidden.includes(column.id);
      return {
        kind: 'item',
        label: column.title,
        icon: off ? <EyeOff aria-hidden /> : <Eye aria-hidden />,
        hint: off ? 'hidden' : '',
        onSelect: () => view.patch({ hidden: off ? hidden.filter((id) => id !== column.id) : [...hidden, column.id] }),
      };
    }),
    { kind: 'separator' },
    { kind: 'item', label: 'Show all', disabled: count === 0, onSelect: () => view.patch({ hidden: [] }) },
  ];
  return (
    <MenuButton label="Columns" className={`btn btn-ghost ${count > 0 ? 'is-on' : ''}`} entries={entries}>
      <Columns3 aria-hidden /> <span className="tool-word">{count > 0 ? `${count} hidden` : 'Columns'}</span>
    </MenuButton>
  );
}

function LanesButton() {
  const { view } = useScope();
  const { lanes } = useView();
  const columns = useColumnList();
  const source = laneSource(lanes, columns);
  const entries = (): MenuEntry[] => [
    { kind: 'title', label: 'Lanes by' },
    ...columns
      .filter((column) => hasLabels(column.type))
      .map((column): MenuEntry => {
        const Icon = TYPES[column.type].icon;
        return {
          kind: 'item',
          label: column.title,
          icon: <Icon aria-hidden />,
          checked: source.kind === 'label' && source.column.id === column.id,
          onSelect: () => view.patch({ lanes: column.id }),
        };
      }),
    { kind: 'item', label: 'Group', icon: <Columns3 aria-hidden />, checked: source.kind === 'group', onSelect: () => view.patch({ lanes: BY_GROUP }) },
  ];
  return (
    <MenuButton label="Lanes" className="btn btn-ghost" entries={entries}>
      <SquareKanban aria-hidden /> <span className="tool-word truncate">By {source.kind === 'group' ? 'group' : source.column.title}</span>
    </MenuButton>
  );
}

function FilterButton() {
  const { filters } = useView();
  const [open, setOpen] = useState(false);
  const anchor = useRef<HTMLButtonElement>(null);
  return (
    <>
      <button
        ref={anchor}
        type="button"
        className={`btn btn-ghost ${filters.length > 0 ? 'is-on' : ''}`}
        aria-label="Filter"
        aria-haspopup="dialog"
        aria-expanded={open}
        onClick={() => setOpen((was) => !was)}
      >
        <ListFilter aria-hidden />{' '}
        <span className="tool-word">{filters.length > 0 ? `${filters.length} ${filters.length === 1 ? 'filter' : 'filters'}` : 'Filter'}</span>
      </button>
      {open && (
        <Popover anchor={anchor} onClose={() => setOpen(false)} label="Filter" width={520} className="popover-wide">
          <FilterPanel />
        </Popover>
      )}
    </>
  );
}
