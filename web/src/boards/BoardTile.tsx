/** A board in the list: a small picture of its groups and columns, its name, when it last changed. */
import { Copy, MoreHorizontal, Trash2 } from 'lucide-react';
import { useState } from 'react';
import type { BoardSummary } from '../api/rest.ts';
import { followInApp, hrefOf } from '../app/router.ts';
import type { Route } from '../app/router.ts';
import { paint } from '../board/model.ts';
import { tintOf } from '../ui/Avatar.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { MenuButton } from '../ui/Menu.tsx';

const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
];

export function ago(iso: string): string {
  const seconds = (Date.parse(iso) - Date.now()) / 1000;
  for (const [unit, size] of STEPS) if (Math.abs(seconds) >= size) return RELATIVE.format(Math.round(seconds / size), unit);
  return 'just now';
}

interface BoardTileProps {
  board: BoardSummary;
  onDelete: () => void;
  onDuplicate: () => void;
}

export function BoardTile({ board, onDelete, onDuplicate }: BoardTileProps) {
  const [asking, setAsking] = useState(false);
  const to: Route = { page: 'board', boardId: board.id, view: 'table', itemId: null };
  const owner = board.role === 'owner';
  return (
    <li className="tile">
      <a className="tile-link" href={hrefOf(to)} onClick={followInApp(to)}>
        <Preview board={board} />
        <span className="tile-name truncate">{board.name}</span>
        <span className="tile-meta">
          {ago(board.updatedAt)}
          {!owner && ` · ${board.role}`}
        </span>
      </a>
      <MenuButton
        label={`Menu of ${board.name}`}
        className="row-tool tile-menu"
        align="end"
        entries={() => [
          { kind: 'item', label: 'Duplicate', icon: <Copy aria-hidden />, onSelect: onDuplicate },
          { kind: 'item', label: 'Delete…', icon: <Trash2 aria-hidden />, danger: true, disabled: !owner, onSelect: () => setAsking(true) },
        ]}
      >
        <MoreHorizontal aria-hidden />
      </MenuButton>
      {asking && (
        <Dialog
          title={`Delete “${board.name}”?`}
          onClose={() => setAsking(false)}
          footer={
            <>
              <button type="button" className="btn btn-ghost" onClick={() => setAsking(false)}>
                Cancel
              </button>
              <button
                type="button"
                className="btn btn-danger"
                onClick={() => {
                  setAsking(false);
                  onDelete();
                }}
              >
                <Trash2 aria-hidden /> Delete board
              </button>
            </>
          }
        >
          <p>Everyone loses access at once, and the board with all its items is gone.</p>
        </Dialog>
      )}
    </li>
  );
}

function labelColor(column: BoardSummary['columns'][number], index: number): string {
  const labels = column.settings.labels ?? [];
  const label = labels[index % Math.max(1, labels.length)];
  return label ? paint(label.color, label.id) : 'var(--border-strong)';
}

const PREVIEW_ROWS = 4;

/** A sketch from what the board really has: its groups' colours down, its columns across. */
function Preview({ board }: { board: BoardSummary }) {
  const colors = board.groups.slice(0, PREVIEW_ROWS).map((group) => paint(group.color, group.id));
  if (colors.length === 0) colors.push(tintOf(board.id));
  const columns = board.columns.slice(0, 4);
  return (
    <span className="preview" aria-hidden>
      {Array.from({ length: PREVIEW_ROWS }, (_, row) => (
        <span key={row} className="preview-row" style={{ '--c': colors[Math.min(Math.floor((row * colors.length) / PREVIEW_ROWS), colors.length - 1)] }}>
          <i style={{ width: `${[34, 26, 40, 30][row]}%` }} />
          {columns.map((column, index) => (
            <b
              key={column.id}
              className={column.type === 'status' ? 'is-status' : column.type === 'person' ? 'is-person' : ''}
              style={column.type === 'status' ? { '--c': labelColor(column, row + index) } : undefined}
            />
          ))}
        </span>
      ))}
    </span>
  );
}
