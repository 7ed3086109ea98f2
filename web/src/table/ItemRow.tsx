/** One item in the table. Re-renders for its own item, its own cursor and the people on it; not for the rest of the board. */
import { useDraggable, useDroppable } from '@dnd-kit/core';
import { useComments, useItem } from '@sunday/client/react';
import type { Peer } from '@sunday/client';
import { GripVertical, MessageSquare, PanelRightOpen, Trash2 } from 'lucide-react';
import { memo, useCallback, useRef } from 'react';
import type { CSSProperties, ReactNode } from 'react';
import { cellText } from '../board/cell-text.ts';
import { useCellValue } from '../board/computed.ts';
import { attempt, deleteItem, useScope } from '../board/context.ts';
import { HANDLE_KEY, NAME_KEY, nameOf } from '../board/model.ts';
import type { ColumnView, ItemView } from '../board/model.ts';
import { usePeople } from '../board/people.ts';
import { usePeersOn } from '../board/presence.ts';
import { CellEditor } from '../cells/CellEditor.tsx';
import { CellView } from '../cells/CellView.tsx';
import { LineInput } from '../cells/InlineEditor.tsx';
import { editKindOf } from '../cells/kind.ts';
import { mayConflict } from '../conflicts/cell-conflicts.ts';
import { ConflictChip } from '../conflicts/ConflictChip.tsx';
import { useSelected } from '../ui/store.ts';
import { rowMark } from './grid-state.ts';
import { useIsSelected } from './selection.ts';
import { useTable } from './table-context.ts';
import { tintOf } from '../ui/Avatar.tsx';

interface ItemRowProps {
  rowKey: string;
  itemId: string;
  index: number;
  top: number;
  color: string;
  /** Last of its group: rounds the corner. */
  tail: boolean;
}

export const ItemRow = memo(function ItemRow({ rowKey, itemId, index, top, color, tail }: ItemRowProps) {
  const { board } = useScope();
  const item = useItem(board, itemId);
  return (
    <RowFrame rowKey={rowKey} itemId={itemId} index={index} top={top} color={color} tail={tail} name={item ? nameOf(item) : ''}>
      {item ? <Cells rowKey={rowKey} item={item} /> : null}
    </RowFrame>
  );
});

interface FrameProps extends ItemRowProps {
  name: string;
  children: ReactNode;
}

/** The row's box with its drag and drop: kept apart, because dnd-kit re-renders it at every step of a drag. */
function RowFrame({ rowKey, itemId, index, top, color, tail, name, children }: FrameProps) {
  const { canWrite } = useScope();
  const { drop, grid } = useTable();
  const { setNodeRef: setDrop } = useDroppable({ id: rowKey });
  const { setNodeRef, setActivatorNodeRef, listeners, attributes, isDragging } = useDraggable({ id: itemId, disabled: !canWrite });
  const side = useSelected(drop, (at) => (at?.key === rowKey ? at.side : null));
  const mark = useSelected(grid, (state) => (state.row === rowKey && state.column === HANDLE_KEY ? 1 : 0));
  const picked = useIsSelected(itemId);
  const ref = useCallback(
    (node: HTMLElement | null) => {
      setDrop(node);
      setNodeRef(node);
    },
    [setDrop, setNodeRef],
  );
  return (
    <div
      ref={ref}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={picked}
      className={`trow ${picked ? 'is-picked' : ''} ${tail ? 'is-tail' : ''} ${isDragging ? 'is-dragging' : ''} ${side ? `drop-${side}` : ''}`}
      style={{ top, '--group': color } satisfies CSSProperties}
    >
      <div role="gridcell" aria-colindex={1} className="tcell tcell-handle">
        <button
          ref={setActivatorNodeRef}
          type="button"
          {...attributes}
          {...listeners}
          tabIndex={mark ? 0 : -1}
          data-row={rowKey}
          data-col={HANDLE_KEY}
          className="handle"
          aria-label={`Move ${name}`}
          title="Drag to move (Space), Enter selects"
          disabled={!canWrite}
        >
          <GripVertical aria-hidden />
        </button>
        <input
          type="checkbox"
          className="pick"
          tabIndex={-1}
          data-act="pick"
          data-pick={itemId}
          aria-label={`Select ${name}`}
          checked={picked}
          readOnly
          disabled={!canWrite}
        />
      </div>
      {children}
    </div>
  );
}

const Cells = memo(function Cells({ rowKey, item }: { rowKey: string; item: ItemView }) {
  const { columns, grid } = useTable();
  const mark = useSelected(grid, (state) => rowMark(state, rowKey));
  const peers = usePeersOn(item.id);
  return (
    <>
      <NameCell rowKey={rowKey} item={item} mark={mark} peers={peers} />
      {columns.map((column, index) => (
        <DataCell
          key={column.id}
          rowKey={rowKey}
          item={item}
          column={column}
          colIndex={index + 3}
          state={mark === `at:${column.id}` ? 'at' : mark === `edit:${column.id}` ? 'edit' : ''}
          peers={peers}
        />
      ))}
    </>
  );
});

function peersAt(peers: readonly Peer[], columnId: string): Peer[] {
  return peers.filter((peer) => peer.state.cell?.columnId === columnId);
}

function PeerMark({ peers }: { peers: readonly Peer[] }) {
  const first = peers[0];
  if (!first) return null;
  return (
    <span className="peer" style={{ '--c': tintOf(first.user.id) }} data-peer={first.user.name} aria-hidden>
      <span className="peer-name">
        {first.user.name}
        {peers.length > 1 && ` +${peers.length - 1}`}
        {first.state.editing === true && ' …'}
      </span>
    </span>
  );
}

function NameCell({ rowKey, item, mark, peers }: { rowKey: string; item: ItemView; mark: string; peers: readonly Peer[] }) {
  const { board, openItem, canWrite } = useScope();
  const { leave, grid } = useTable();
  const at = mark === `at:${NAME_KEY}`;
  const editing = mark === `edit:${NAME_KEY}`;
  return (
    <div
      role="gridcell"
      aria-colindex={2}
      tabIndex={at ? 0 : -1}
      data-row={rowKey}
      data-col={NAME_KEY}
      className={`tcell tcell-name ${at ? 'is-at' : ''} ${editing ? 'is-editing' : ''}`}
    >
      {editing ? (
        <LineInput
          label="Name"
          initial={item.name}
          typed={grid.get().typed}
          onDone={leave}
          save={(text) => attempt(() => (board.items.update(item.id, { name: text.trim() }), true)) === true}
        />
      ) : (
        <>
          <span className={`truncate grow ${item.name.trim() ? '' : 'muted'}`} dir="auto">
            {nameOf(item)}
          </span>
          <span className="row-tools">
            {canWrite && (
              <button
                type="button"
                tabIndex={-1}
                className="row-tool"
                aria-label={`Delete ${nameOf(item)}`}
                title="Move to trash"
                data-act="delete"
                onClick={() => deleteItem(board, item)}
              >
                <Trash2 aria-hidden />
              </button>
            )}
            <button
              type="button"
              tabIndex={-1}
              className="row-tool"
              aria-label={`Open ${nameOf(item)}`}
              title="Open"
              data-act="open"
              onClick={() => openItem(item.id)}
            >
              <PanelRightOpen aria-hidden />
            </button>
          </span>
          <CommentCount itemId={item.id} />
        </>
      )}
      <PeerMark peers={peersAt(peers, NAME_KEY)} />
    </div>
  );
}

function CommentCount({ itemId }: { itemId: string }) {
  const { board } = useScope();
  const count = useComments(board, itemId).reduce((sum, comment) => sum + (comment.deletedAt === undefined ? 1 : 0), 0);
  if (count === 0) return null;
  return (
    <span className="comment-count" title={count === 1 ? '1 comment' : `${count} comments`}>
      <MessageSquare aria-hidden /> {count}
    </span>
  );
}

interface DataCellProps {
  rowKey: string;
  item: ItemView;
  column: ColumnView;
  colIndex: number;
  state: '' | 'at' | 'edit';
  peers: readonly Peer[];
}

function DataCell({ rowKey, item, column, colIndex, state, peers }: DataCellProps) {
  const { leave, grid } = useTable();
  const { board } = useScope();
  const people = usePeople();
  const anchor = useRef<HTMLDivElement>(null);
  const { value, invalid } = useCellValue(item, column.id, column.type);
  const kind = editKindOf(column);
  const inline = state === 'edit' && kind === 'inline';
  // Only the cell the keyboard is on needs words for a screen reader; 40 rows of them would cost more than they give.
  const label =
    state === 'at' ? `${column.title}: ${cellText(column, value, people, (id) => nameOf(board.items.get(id) ?? { name: '' })) || 'empty'}` : undefined;
  return (
    <div
      ref={anchor}
      role="gridcell"
      aria-colindex={colIndex}
      aria-label={label}
      aria-readonly={kind === 'none' || undefined}
      tabIndex={state === '' ? -1 : 0}
      data-row={rowKey}
      data-col={column.id}
      className={`tcell t-${column.type} ${state === 'at' ? 'is-at' : ''} ${state === 'edit' ? 'is-editing' : ''}`}
    >
      {!inline && <CellView column={column} value={value} invalid={invalid} />}
      {state === 'edit' && <CellEditor column={column} item={item} typed={grid.get().typed} anchor={anchor} onDone={leave} />}
      {state !== 'edit' && mayConflict(column) && <ConflictChip itemId={item.id} column={column} tabIndex={state === 'at' ? 0 : -1} />}
      <PeerMark peers={peersAt(peers, column.id)} />
    </div>
  );
}
