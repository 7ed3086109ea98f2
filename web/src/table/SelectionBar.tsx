/** What can be done with the selected rows at once; each is one step of undo. */
import { CircleCheck, FolderInput, Trash2, X } from 'lucide-react';
import { attempt, useColumnList, useGroupList, useScope } from '../board/context.ts';
import { groupColor, hasLabels, labelsOf, paint } from '../board/model.ts';
import type { ColumnView } from '../board/model.ts';
import { MenuButton } from '../ui/Menu.tsx';
import type { MenuEntry } from '../ui/Menu.tsx';
import { useStore } from '../ui/store.ts';
import { toast } from '../ui/toast.tsx';
import { useSelection } from './selection.ts';

export function SelectionBar() {
  const { board } = useScope();
  const selection = useSelection();
  const ids = useStore(selection.ids);
  const groups = useGroupList();
  const columns = useColumnList();
  if (ids.size === 0) return null;
  const labelled = columns.filter((column) => hasLabels(column.type));

  /** Rows that somebody deleted meanwhile are left out. */
  const each = (change: (itemId: string) => void) =>
    attempt(() =>
      board.batch(() => {
        for (const id of ids) if (board.items.get(id)?.deletedAt === null) change(id);
      }),
    );
  const setLabel = (column: ColumnView, labelId: string | null) =>
    each((id) => board.items.update(id, { values: { [column.id]: labelId === null ? null : { labelId } } }));
  const labelEntries = (): MenuEntry[] =>
    labelled.flatMap((column): MenuEntry[] => [
      { kind: 'title', label: column.title },
      ...labelsOf(column).map((label): MenuEntry => ({
        kind: 'item',
        label: label.title,
        icon: <Dot color={paint(label.color, label.id)} />,
        onSelect: () => setLabel(column, label.id),
      })),
      { kind: 'item', label: 'None', icon: <Dot color="transparent" />, onSelect: () => setLabel(column, null) },
    ]);
  const trash = () => {
    const gone: string[] = [];
    each((id) => {
      board.items.delete(id);
      gone.push(id);
    });
    selection.clear();
    if (gone.length === 0) return;
    toast(gone.length === 1 ? 'One item is in the trash' : `${gone.length} items are in the trash`, {
      action: { label: 'Undo', run: () => attempt(() => board.batch(() => gone.forEach((id) => board.items.restore(id)))) },
    });
  };
  return (
    <div className="selection-bar" role="toolbar" aria-label="Selected items">
      <strong role="status">{ids.size} selected</strong>
      {labelled.length > 0 && (
        <MenuButton label="Set a label" className="btn btn-ghost" entries={labelEntries}>
          <CircleCheck aria-hidden /> Set label
        </MenuButton>
      )}
      {groups.length > 0 && (
        <MenuButton
          label="Move to a group"
          className="btn btn-ghost"
          entries={() =>
            groups.map((group): MenuEntry => ({
              kind: 'item',
              label: group.title,
              icon: <Dot color={groupColor(group)} />,
              onSelect: () => each((id) => board.items.move(id, { groupId: group.id })),
            }))
          }
        >
          <FolderInput aria-hidden /> Move to
        </MenuButton>
      )}
      <button type="button" className="btn btn-ghost is-danger" onClick={trash}>
        <Trash2 aria-hidden /> Trash
      </button>
      <button type="button" className="btn btn-ghost btn-icon" aria-label="Select none" onClick={selection.clear}>
        <X aria-hidden />
      </button>
    </div>
  );
}

function Dot({ color }: { color: string }) {
  return <span className="lane-dot" style={{ '--c': color }} aria-hidden />;
}
