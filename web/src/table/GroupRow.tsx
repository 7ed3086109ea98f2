/** The heading of a group: fold, rename in place, colour, count, menu; and the row that adds an item at its end. */
import { useDroppable } from '@dnd-kit/core';
import { ArrowDown, ArrowUp, ChevronRight, MoreHorizontal, Palette, Pencil, Plus, Trash2 } from 'lucide-react';
import { memo, useRef, useState } from 'react';
import { attempt, useGroupList, useScope } from '../board/context.ts';
import { countItems, groupColor, groupKey, NAME_KEY } from '../board/model.ts';
import type { GroupView } from '../board/model.ts';
import { isNarrowed } from '../board/query.ts';
import type { Row } from '../board/query.ts';
import { toastUndo } from '../board/undo.ts';
import { useKeepUnsaved } from '../board/unsaved.ts';
import { Swatches } from '../cells/LabelEditor.tsx';
import { LineInput } from '../cells/InlineEditor.tsx';
import { MenuButton } from '../ui/Menu.tsx';
import type { MenuEntry } from '../ui/Menu.tsx';
import { Popover } from '../ui/Popover.tsx';
import { useSelected } from '../ui/store.ts';
import { rowMark } from './grid-state.ts';
import { Summary } from './Summary.tsx';
import { useTable } from './table-context.ts';

interface GroupRowProps {
  row: Extract<Row, { kind: 'group' }>;
  index: number;
  top: number;
}

export const GroupRow = memo(function GroupRow({ row, index, top }: GroupRowProps) {
  const { view, canWrite, board } = useScope();
  const { drop, grid, leave } = useTable();
  const { setNodeRef } = useDroppable({ id: row.key });
  const side = useSelected(drop, (at) => (at?.key === row.key ? at.side : null));
  const mark = useSelected(grid, (state) => rowMark(state, row.key));
  const [picking, setPicking] = useState(false);
  const menu = useRef<HTMLSpanElement>(null);
  const { group, count, folded } = row;
  const groups = useGroupList();
  const title = group?.title ?? (groups.length === 0 ? 'All items' : 'Ungrouped');
  const rename = () => grid.set({ row: row.key, column: NAME_KEY, editing: true, typed: null });
  const fold = () => toggleFold(view, row);
  return (
    <div
      ref={setNodeRef}
      role="row"
      aria-rowindex={index + 2}
      className={`grow-head ${side ? `drop-${side}` : ''} ${folded ? 'is-folded' : ''}`}
      style={{ top, '--group': groupColor(group) }}
    >
      <div
        role="gridcell"
        aria-colindex={1}
        className={`group-head ${mark.startsWith('at') ? 'is-at' : ''}`}
        data-row={row.key}
        data-col={NAME_KEY}
        tabIndex={mark.startsWith('at') ? 0 : -1}
        aria-label={`${title}, ${countItems(count)}, ${folded ? 'folded' : 'open'}`}
      >
        <button
          type="button"
          className="fold"
          tabIndex={-1}
          aria-expanded={!folded}
          aria-label={`${folded ? 'Unfold' : 'Fold'} ${title}`}
          data-act="fold"
          onClick={fold}
        >
          <ChevronRight aria-hidden />
        </button>
        {mark.startsWith('edit') && group && canWrite ? (
          <LineInput
            label="Group name"
            initial={group.title}
            typed={null}
            onDone={leave}
            save={(text) => text.trim() !== '' && attempt(() => (board.groups.update(group.id, { title: text.trim() }), true)) === true}
          />
        ) : (
          <span className="group-title truncate" dir="auto" onDoubleClick={() => group && canWrite && rename()}>
            {title}
          </span>
        )}
        <span className="group-count">{countItems(count)}</span>
        {group && canWrite && (
          <span ref={menu} className="group-menu">
            <MenuButton
              label={`Menu of ${title}`}
              className="row-tool"
              tabIndex={-1}
              entries={() => groupMenu({ group, rename, colour: () => setPicking(true) })}
            >
              <MoreHorizontal aria-hidden />
            </MenuButton>
          </span>
        )}
        {picking && group && (
          <Popover anchor={menu} onClose={() => setPicking(false)} label={`Colour of ${title}`}>
            <Swatches
              value={groupColor(group)}
              onPick={(color) => {
                attempt(() => board.groups.update(group.id, { color }));
                setPicking(false);
              }}
            />
          </Popover>
        )}
      </div>
      {folded && <Summary items={row.items} />}
    </div>
  );

  function groupMenu(of: { group: GroupView; rename: () => void; colour: () => void }): MenuEntry[] {
    const groups = board.groups.all;
    const at = groups.findIndex((each) => each.id === of.group.id);
    const previous = groups[at - 1];
    const next = groups[at + 1];
    return [
      { kind: 'item', label: 'Rename', icon: <Pencil aria-hidden />, onSelect: of.rename },
      { kind: 'item', label: 'Colour', icon: <Palette aria-hidden />, onSelect: of.colour },
      {
        kind: 'item',
        label: 'Move up',
        icon: <ArrowUp aria-hidden />,
        disabled: !previous,
        onSelect: () => previous && attempt(() => board.groups.move(of.group.id, { before: previous.id })),
      },
      {
        kind: 'item',
        label: 'Move down',
        icon: <ArrowDown aria-hidden />,
        disabled: !next,
        onSelect: () => next && attempt(() => board.groups.move(of.group.id, { after: next.id })),
      },
      { kind: 'separator' },
      {
        kind: 'item',
        label: 'Delete group',
        icon: <Trash2 aria-hidden />,
        danger: true,
        onSelect: () =>
          attempt(() => {
            board.groups.remove(of.group.id);
            toastUndo(board, `“${of.group.title}” was removed; its items are ungrouped`);
          }),
      },
    ];
  }
});

export function toggleFold(view: ReturnType<typeof useScope>['view'], row: Extract<Row, { kind: 'group' }>): void {
  const key = groupKey(row.group?.id ?? null);
  const { folded } = view.get();
  view.patch({ folded: folded.includes(key) ? folded.filter((each) => each !== key) : [...folded, key] });
}

interface AddRowProps {
  row: Extract<Row, { kind: 'add' }>;
  index: number;
  top: number;
}

export const AddRow = memo(function AddRow({ row, index, top }: AddRowProps) {
  const { canWrite } = useScope();
  const { drop } = useTable();
  const { setNodeRef } = useDroppable({ id: row.key });
  const side = useSelected(drop, (at) => (at?.key === row.key ? at.side : null));
  return (
    <div
      ref={setNodeRef}
      role="row"
      aria-rowindex={index + 2}
      className={`tadd ${side ? 'drop-before' : ''}`}
      style={{ top, '--group': groupColor(row.group) }}
    >
      <div role="gridcell" aria-colindex={1} className="tadd-name">
        {canWrite && (
          <>
            <Plus aria-hidden />
            <AddInput rowKey={row.key} group={row.group} />
          </>
        )}
      </div>
      <Summary items={row.items} />
    </div>
  );
});

function AddInput({ rowKey, group }: { rowKey: string; group: GroupView | null }) {
  const { board } = useScope();
  const { grid } = useTable();
  const mark = useSelected(grid, (state) => rowMark(state, rowKey));
  const [text, setText] = useState('');
  const input = useRef<HTMLInputElement>(null);
  useKeepUnsaved(input, () => (text.trim() === '' ? null : text));

  const add = () => {
    const name = text.trim();
    if (name !== '' && attempt(() => board.items.create({ name, groupId: group?.id ?? null })) !== undefined) setText('');
  };
  return (
    <input
      ref={input}
      dir="auto"
      data-row={rowKey}
      data-col={NAME_KEY}
      tabIndex={mark ? 0 : -1}
      className="tadd-input"
      aria-label={`Add item to ${group?.title ?? 'Ungrouped'}`}
      placeholder="Add item"
      value={text}
      onChange={(event) => setText(event.target.value)}
      onKeyDown={(event) => {
        if (event.nativeEvent.isComposing) return;
        if (event.key === 'Enter') add();
        else if (event.key === 'Escape') setText('');
        else if ((event.key === 'ArrowUp' || event.key === 'ArrowDown') && text === '') return;
        event.stopPropagation();
      }}
      onBlur={add}
    />
  );
}

export function NewGroupButton() {
  const { board, view, canWrite } = useScope();
  const { grid } = useTable();
  const groups = useGroupList();
  if (!canWrite) return null;
  /** Its name is asked for at once; with a filter on, an empty group is not shown. */
  const add = () => {
    const id = attempt(() => board.groups.create({ title: `Group ${groups.length + 1}` }));
    if (id && !isNarrowed(view.get())) grid.set({ row: `g:${id}`, column: NAME_KEY, editing: true, typed: null });
  };
  return (
    <button type="button" className="btn btn-ghost new-group" onClick={add}>
      <Plus aria-hidden /> Add group
    </button>
  );
}
