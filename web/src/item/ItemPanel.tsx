/** One item in full beside the board: name, every column, long texts written together, comments. A full page on a phone. */
import { useItem } from '@sunday/client/react';
import { RotateCcw, Trash2, X } from 'lucide-react';
import { useCallback, useEffect, useRef, useState } from 'react';
import { formatInstant } from '../board/cell-text.ts';
import { useCellValue } from '../board/computed.ts';
import { attempt, deleteItem, setCell, useColumnList, useGroupList, useScope } from '../board/context.ts';
import { useLooksAt } from '../board/looking.ts';
import { groupColor, NAME_KEY, nameOf, TYPES } from '../board/model.ts';
import type { ColumnView, ItemView } from '../board/model.ts';
import { usePeople } from '../board/people.ts';
import { keepUnsaved, useKeepUnsaved } from '../board/unsaved.ts';
import { CellEditor } from '../cells/CellEditor.tsx';
import { CellView } from '../cells/CellView.tsx';
import { editKindOf } from '../cells/kind.ts';
import { mayConflict } from '../conflicts/cell-conflicts.ts';
import { ConflictChip } from '../conflicts/ConflictChip.tsx';
import { ItemHistory } from '../history/ItemHistory.tsx';
import { useFocusInside } from '../ui/focus-inside.ts';
import { Comments } from './Comments.tsx';
import { LongText } from './LongText.tsx';

export function ItemPanel({ itemId }: { itemId: string }) {
  const { board, openItem, canWrite } = useScope();
  const item = useItem(board, itemId);
  const columns = useColumnList();
  const panel = useRef<HTMLElement>(null);

  useFocusInside(panel, {
    first: (el) => el.querySelector<HTMLElement>('.panel-name:placeholder-shown:not(:read-only)'), // a new item is named
    otherwise: () => {
      const id = CSS.escape(itemId);
      return document.querySelector<HTMLElement>(`[data-row="i:${id}"][data-col="${NAME_KEY}"], [data-card="${id}"]`);
    },
  });
  useEffect(() => {
    board.presence.set({ item: itemId });
    return () => board.presence.set({ item: null });
  }, [board, itemId]);

  useLooksAt(
    'item',
    useCallback(() => [`item-${itemId}`], [itemId]),
  );

  const texts = columns.filter((column) => column.type === 'long_text');
  const fields = columns.filter((column) => column.type !== 'long_text');
  return (
    <aside
      ref={panel}
      className="panel"
      tabIndex={-1}
      aria-label={item ? nameOf(item) : 'Item'}
      onKeyDown={(event) => {
        if (event.key === 'Escape' && !event.defaultPrevented) openItem(null);
      }}
    >
      <header className="panel-head">
        {item && <GroupPicker item={item} />}
        <span className="grow" />
        {item && canWrite && item.deletedAt === null && (
          <button
            type="button"
            className="btn btn-ghost btn-icon"
            aria-label="Move to trash"
            title="Move to trash"
            onClick={() => {
              deleteItem(board, item);
              openItem(null);
            }}
          >
            <Trash2 aria-hidden />
          </button>
        )}
        <button type="button" className="btn btn-ghost btn-icon" aria-label="Close panel" title="Close (Esc)" onClick={() => openItem(null)}>
          <X aria-hidden />
        </button>
      </header>
      {item ? (
        <div className="panel-body">
          {item.deletedAt !== null && <DeletedNote item={item} />}
          <NameField item={item} />
          <Meta item={item} />
          <div className="fields">
            {fields.map((column) => (
              <Field key={column.id} column={column} item={item} />
            ))}
          </div>
          {texts.map((column) => (
            <LongText key={column.id} item={item} column={column} />
          ))}
          <Comments itemId={item.id} />
          <ItemHistory item={item} />
        </div>
      ) : (
        <div className="empty">
          <h3>No such item</h3>
          <p>It may have been on another board.</p>
        </div>
      )}
    </aside>
  );
}

function DeletedNote({ item }: { item: ItemView }) {
  const { board } = useScope();
  return (
    <p className="note row">
      <span className="grow">This item is in the trash.</span>
      <button type="button" className="btn btn-outline btn-sm" onClick={() => attempt(() => board.items.restore(item.id))}>
        <RotateCcw aria-hidden /> Restore
      </button>
    </p>
  );
}

function Meta({ item }: { item: ItemView }) {
  const people = usePeople();
  const who = item.createdBy ? ` by ${people.get(item.createdBy).name}` : '';
  const later = item.updatedAt > item.createdAt + 1000;
  return (
    <p className="panel-meta">
      Created {formatInstant(item.createdAt)}
      {who}
      {later && ` · changed ${formatInstant(item.updatedAt)}`}
    </p>
  );
}

function NameField({ item }: { item: ItemView }) {
  const { board, canWrite } = useScope();
  const [draft, setDraft] = useState<string | null>(null);
  const area = useRef<HTMLTextAreaElement>(null);
  const unsaved = useRef<string | null>(null); // the draft, at once
  useKeepUnsaved(area, () => unsaved.current);
  const put = (words: string | null) => {
    unsaved.current = words;
    setDraft(words);
  };
  const save = () => {
    const words = unsaved.current;
    put(null);
    if (words === null || words.trim() === item.name) return;
    if (attempt(() => (board.items.update(item.id, { name: words.trim() }), true)) !== true) keepUnsaved(words);
  };
  return (
    <textarea
      ref={area}
      className="panel-name"
      dir="auto"
      aria-label="Name"
      rows={1}
      readOnly={!canWrite}
      value={draft ?? item.name}
      placeholder="Untitled"
      onChange={(event) => put(event.target.value.replaceAll('\n', ' '))}
      onBlur={save}
      onKeyDown={(event) => {
        if (event.nativeEvent.isComposing) return;
        if (event.key === 'Enter') {
          event.preventDefault();
          event.currentTarget.closest<HTMLElement>('.panel')?.focus();
        } else if (event.key === 'Escape' && draft !== null) {
          event.preventDefault();
          put(null);
        }
      }}
    />
  );
}

function GroupPicker({ item }: { item: ItemView }) {
  const { board, canWrite } = useScope();
  const groups = useGroupList();
  const group = groups.find((each) => each.id === item.groupId) ?? null;
  return (
    <label className="group-pick" style={{ '--c': groupColor(group) }}>
      <span className="lane-dot" aria-hidden />
      <span className="sr-only">Group</span>
      <select
        value={group?.id ?? ''}
        disabled={!canWrite}
        onChange={(event) => attempt(() => board.items.move(item.id, { groupId: groups.find((each) => each.id === event.target.value)?.id ?? null }))}
      >
        {groups.map((each) => (
          <option key={each.id} value={each.id}>
            {each.title}
          </option>
        ))}
        {!group && <option value="">Ungrouped</option>}
      </select>
    </label>
  );
}

function Field({ column, item }: { column: ColumnView; item: ItemView }) {
  const { board, canWrite } = useScope();
  const [editing, setEditing] = useState(false);
  const anchor = useRef<HTMLDivElement>(null);
  const box = useRef<HTMLButtonElement>(null);
  const kind = editKindOf(column);
  const Icon = TYPES[column.type].icon;
  const { value, invalid } = useCellValue(item, column.id, column.type);
  const start = () => {
    if (!canWrite || kind === 'none') return;
    if (kind !== 'toggle') return setEditing(true);
    setCell(board, item.id, column.id, column.type === 'checkbox' ? value !== true : (typeof value === 'number' ? value : 0) + 1);
  };
  return (
    <>
      <span className="field-label truncate">
        <Icon aria-hidden />
        <span className="truncate" title={column.title}>
          {column.title}
        </span>
      </span>
      <div ref={anchor} className={`field-value t-${column.type} ${editing ? 'is-editing' : ''}`}>
        {editing && kind === 'inline' ? null : (
          <button
            ref={box}
            type="button"
            className="field-button"
            aria-label={`Edit ${column.title}`}
            disabled={!canWrite || kind === 'none'}
            onClick={start}
          />
        )}
        {!(editing && kind === 'inline') && (
          <span className="field-shown">
            <CellView column={column} value={value} invalid={invalid} />
            {value === undefined && column.type !== 'checkbox' && column.type !== 'rating' && column.type !== 'counter' && column.type !== 'status' && (
              <span className="field-empty">Empty</span>
            )}
          </span>
        )}
        {mayConflict(column) && <ConflictChip itemId={item.id} column={column} />}
        {column.type === 'counter' && canWrite && typeof value === 'number' && value > 0 && (
          <button
            type="button"
            className="btn btn-ghost btn-sm vote-less"
            onClick={() => setCell(board, item.id, column.id, value - 1)}
            aria-label="One vote less"
          >
            −1
          </button>
        )}
        {editing && (
          <CellEditor
            column={column}
            item={item}
            typed={null}
            anchor={anchor}
            onDone={() => {
              setEditing(false);
              requestAnimationFrame(() => box.current?.focus());
            }}
          />
        )}
      </div>
    </>
  );
}
