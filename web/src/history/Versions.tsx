/** Versions of the board: keep one under a name, see what changed since, return to it. */
import { Bookmark, Clock, Ellipsis, RotateCcw } from 'lucide-react';
import { useCallback, useEffect, useState } from 'react';
import { history } from '../api/history.ts';
import type { Version } from '../api/history.ts';
import { formatInstant } from '../board/cell-text.ts';
import { useScope } from '../board/context.ts';
import { usePeople } from '../board/people.ts';
import { MenuButton } from '../ui/Menu.tsx';
import { toast } from '../ui/toast.tsx';
import { VersionView } from './VersionView.tsx';
import { titleOf } from './words.ts';

const SAY = (error: unknown): void => void toast(error instanceof Error ? error.message : String(error), { tone: 'error' });

export function Versions() {
  const { board, canWrite } = useScope();
  const [versions, setVersions] = useState<readonly Version[] | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const [shown, setShown] = useState<Version | null>(null);
  const load = useCallback(
    (from: string | null) =>
      history.versions(board.id, from).then((page) => {
        setVersions((known) => (from === null || known === null ? page.data : [...known, ...page.data]));
        setCursor(page.nextCursor);
      }, SAY),
    [board.id],
  );
  useEffect(() => void load(null), [load]);

  if (shown) {
    return (
      <VersionView
        version={shown}
        onBack={() => {
          setShown(null);
          void load(null);
        }}
      />
    );
  }
  const remove = (version: Version) => history.remove(board.id, version.id).then(() => load(null), SAY);
  return (
    <>
      {canWrite && <Keep onKept={() => load(null)} />}
      {versions === null ? (
        <p className="muted history-wait">Looking…</p>
      ) : versions.length === 0 ? (
        <div className="empty versions-empty">
          <Bookmark size={28} aria-hidden />
          <h3>No versions yet</h3>
          <p>Keep the board as it is now, or wait: while it changes, Sunday keeps one every hour.</p>
        </div>
      ) : (
        <ol className="versions">
          {versions.map((version) => (
            <Row key={version.id} version={version} onShow={() => setShown(version)} onRemove={canWrite ? () => void remove(version) : null} />
          ))}
        </ol>
      )}
      {cursor !== null && (
        <button type="button" className="btn btn-outline btn-sm activity-more" onClick={() => void load(cursor)}>
          Show earlier
        </button>
      )}
    </>
  );
}

function Row({ version, onShow, onRemove }: { version: Version; onShow: () => void; onRemove: (() => void) | null }) {
  const people = usePeople();
  const Icon = version.reason === 'named' ? Bookmark : version.reason === 'hourly' ? Clock : RotateCcw;
  const by = version.createdBy === null ? '' : ` · ${people.get(version.createdBy).name}`;
  return (
    <li className={`version is-${version.reason}`}>
      <button type="button" className="version-open grow" onClick={onShow}>
        <Icon aria-hidden />
        <span className="grow">
          <span className="version-name truncate">{titleOf(version)}</span>
          <small className="muted">
            {formatInstant(version.createdAt)}
            {by}
          </small>
        </span>
      </button>
      {onRemove && (
        <MenuButton label={`Menu of ${titleOf(version)}`} className="row-tool" align="end" entries={() => [{ kind: 'item', label: 'Remove this version', danger: true, onSelect: onRemove }]}>
          <Ellipsis aria-hidden />
        </MenuButton>
      )}
    </li>
  );
}

function Keep({ onKept }: { onKept: () => Promise<void> }) {
  const { board } = useScope();
  const [name, setName] = useState('');
  const [busy, setBusy] = useState(false);
  const keep = async () => {
    setBusy(true);
    try {
      await board.saved(); // a version holds what is saved
      await history.keep(board.id, name.trim() || null);
      setName('');
      await onKept();
    } catch (error) {
      SAY(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      className="row version-keep"
      onSubmit={(event) => {
        event.preventDefault();
        void keep();
      }}
    >
      <input className="input grow" aria-label="Name of the version" placeholder="Name, like “Before the launch”" maxLength={255} value={name} onChange={(event) => setName(event.target.value)} />
      <button type="submit" className="btn btn-primary" disabled={busy}>
        Keep
      </button>
    </form>
  );
}
