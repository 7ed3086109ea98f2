/** Name and description of the board, table or kanban, who is here, whether all is saved, undo, share, and the rest in a menu. */
import { useBoardInfo, useGroups, usePresence, useUndo } from '@sunday/client/react';
import { Archive, ChevronLeft, Columns3, Download, Ellipsis, FoldVertical, History, Redo2, Rows3, Trash2, Undo2, UserPlus } from 'lucide-react';
import { useEffect, useState } from 'react';
import { downloadBoard } from '../api/rest.ts';
import { followInApp, go } from '../app/router.ts';
import type { ViewName } from '../app/router.ts';
import { UserMenu } from '../app/UserMenu.tsx';
import type { Peer } from '@sunday/client';
import { ConflictsButton } from '../conflicts/ConflictsButton.tsx';
import { Avatar } from '../ui/Avatar.tsx';
import { MenuButton } from '../ui/Menu.tsx';
import { toast } from '../ui/toast.tsx';
import { attempt, useScope } from './context.ts';
import { groupKey } from './model.ts';
import { peopleHere } from './presence.ts';
import { SyncBadge } from './SyncBadge.tsx';
import { undoStep } from './undo.ts';

const FACES = 4; // avatars before "+n"

export function BoardHeader({ viewName, onHistory }: { viewName: ViewName; onHistory: () => void }) {
  const { board, user, canWrite, openDialog, view } = useScope();
  const { canUndo, canRedo } = useUndo(board);
  const groups = useGroups(board);
  const info = useBoardInfo(board);
  const show = (next: ViewName) => go({ page: 'board', boardId: board.id, view: next, itemId: null });
  const download = (format: 'csv' | 'json') => {
    downloadBoard(board.id, format, info?.name ?? 'board').catch((error: unknown) =>
      toast(error instanceof Error ? error.message : String(error), { tone: 'error' }),
    );
  };
  return (
    <header className="board-head">
      <div className="board-top">
        <a className="btn btn-ghost btn-icon" href="/" aria-label="All boards" title="All boards" onClick={followInApp({ page: 'boards' })}>
          <ChevronLeft aria-hidden />
        </a>
        <BoardName />
        <SyncBadge />
        <ConflictsButton />
        <span className="grow" />
        <Here />
        <span className="row head-tools">
          <button
            type="button"
            className="btn btn-ghost btn-icon"
            aria-label="Undo"
            title="Undo (Ctrl+Z)"
            disabled={!canUndo || !canWrite}
            onClick={() => undoStep(board, 'undo')}
          >
            <Undo2 aria-hidden />
          </button>
          <button
            type="button"
            className="btn btn-ghost btn-icon"
            aria-label="Redo"
            title="Redo (Ctrl+Shift+Z)"
            disabled={!canRedo || !canWrite}
            onClick={() => undoStep(board, 'redo')}
          >
            <Redo2 aria-hidden />
          </button>
          <button type="button" className="btn btn-ghost btn-icon" aria-label="History" title="History: activity and versions" onClick={onHistory}>
            <History aria-hidden />
          </button>
        </span>
        <button type="button" className="btn btn-outline share-button" aria-label="Share" onClick={() => openDialog({ kind: 'share' })}>
          <UserPlus aria-hidden /> <span>Share</span>
        </button>
        <MenuButton
          label="Board menu"
          align="end"
          entries={() => [
            { kind: 'item', label: 'History', icon: <History aria-hidden />, onSelect: onHistory },
            { kind: 'item', label: 'Trash', icon: <Trash2 aria-hidden />, onSelect: () => openDialog({ kind: 'trash' }) },
            { kind: 'item', label: 'Add column', icon: <Columns3 aria-hidden />, disabled: !canWrite, onSelect: () => openDialog({ kind: 'new-column' }) },
            {
              kind: 'item',
              label: 'Add group',
              icon: <Archive aria-hidden />,
              disabled: !canWrite,
              onSelect: () => attempt(() => board.groups.create({ title: `Group ${groups.length + 1}` })),
            },
            {
              kind: 'item',
              label: 'Fold all groups',
              icon: <FoldVertical aria-hidden />,
              onSelect: () => view.patch({ folded: [...groups.map((group) => group.id), groupKey(null)] }),
            },
            { kind: 'item', label: 'Unfold all groups', icon: <Rows3 aria-hidden />, onSelect: () => view.patch({ folded: [] }) },
            { kind: 'separator' },
            { kind: 'item', label: 'Export CSV', icon: <Download aria-hidden />, onSelect: () => download('csv') },
            { kind: 'item', label: 'Export JSON', icon: <Download aria-hidden />, onSelect: () => download('json') },
          ]}
        >
          <Ellipsis aria-hidden />
        </MenuButton>
        <UserMenu user={user} />
      </div>
      <div className="board-sub">
        <div className="tabs" role="tablist" aria-label="View">
          <button type="button" role="tab" aria-selected={viewName === 'table'} onClick={() => show('table')}>
            <Rows3 aria-hidden /> Table
          </button>
          <button type="button" role="tab" aria-selected={viewName === 'kanban'} onClick={() => show('kanban')}>
            <Columns3 aria-hidden /> Kanban
          </button>
        </div>
      </div>
    </header>
  );
}

function BoardName() {
  const { board, canWrite } = useScope();
  const info = useBoardInfo(board);
  const name = info?.name ?? '';
  const [draft, setDraft] = useState<string | null>(null);

  useEffect(() => {
    document.title = `${name || 'Board'} · Sunday`;
  }, [name]);

  const save = () => {
    const next = draft?.trim();
    if (next && next !== name) attempt(() => board.info.update({ name: next }));
    setDraft(null);
  };
  return (
    <h1 className="board-name">
      <span className="board-name-ghost" aria-hidden>
        {draft ?? name}
      </span>
      <input
        aria-label="Board name"
        dir="auto"
        size={1}
        value={draft ?? name}
        readOnly={!canWrite}
        maxLength={255}
        onChange={(event) => setDraft(event.target.value)}
        onBlur={save}
        onKeyDown={(event) => {
          if (event.key === 'Enter') event.currentTarget.blur();
          if (event.key === 'Escape') {
            setDraft(null);
            requestAnimationFrame(() => document.activeElement instanceof HTMLElement && document.activeElement.blur());
          }
        }}
      />
    </h1>
  );
}

function Here() {
  const { board, user } = useScope();
  const { peers, crowd } = usePresence(board);
  const here = peopleHere(peers, user.id);
  if (here.length === 0) return null;
  if (crowd) return <Crowd faces={here.slice(0, FACES)} people={here.length + 1} others={crowd.others} />;
  return (
    <span className="avatar-stack here" role="group" aria-label={`Here now: ${here.map((peer) => peer.user.name).join(', ')}`}>
      {here.slice(0, FACES).map((peer) => (
        <Avatar key={peer.clientId} id={peer.user.id} name={peer.user.name} picture={peer.user.picture} size={28} />
      ))}
      {here.length > FACES && <span className="avatar more">+{here.length - FACES}</span>}
    </span>
  );
}

/** More people than can all be shown at once: how many, and whose cursors one sees. */
function Crowd({ faces, people, others }: { faces: readonly Peer[]; people: number; others: number }) {
  const about = `${people} people are here. You see at once what those do who look at the same, and ${Math.max(1, Math.round(others / 1000))} s later what all others do.`;
  return (
    <span className="row here" role="group" aria-label={about} title={about}>
      <span className="avatar-stack">
        {faces.map((peer) => (
          <Avatar key={peer.clientId} id={peer.user.id} name={peer.user.name} picture={peer.user.picture} size={28} />
        ))}
      </span>
      <span className="crowd">
        {people} people<span className="crowd-near">, cursors of those near you</span>
      </span>
    </span>
  );
}
