/** One version: what changed on the board since, and the way back, for all of it or one item. */
import { ChevronLeft, RotateCcw } from 'lucide-react';
import type { ReactNode } from 'react';
import { useCallback, useEffect, useState } from 'react';
import { history } from '../api/history.ts';
import type { Version, VersionDiff } from '../api/history.ts';
import { formatInstant } from '../board/cell-text.ts';
import { useScope } from '../board/context.ts';
import { Dialog } from '../ui/Dialog.tsx';
import { toast } from '../ui/toast.tsx';
import { ChangeLine, useNames } from './ActivityList.tsx';
import { titleOf } from './words.ts';
import type { Change, Names } from './words.ts';

/** What is to be restored, once confirmed; an item without a name is not asked for. */
type Asked = { itemId: string | null; what: string };

export function VersionView({ version, onBack }: { version: Version; onBack: () => void }) {
  const { board, canWrite } = useScope();
  const [found, setFound] = useState<VersionDiff | null>(null);
  const [asked, setAsked] = useState<Asked | null>(null);
  const [failed, setFailed] = useState<string | null>(null);
  const load = useCallback(
    () => history.diff(board.id, version.id).then(setFound, (error: unknown) => setFailed(error instanceof Error ? error.message : String(error))),
    [board.id, version.id],
  );
  useEffect(() => void load(), [load]);

  const restore = async ({ itemId, what }: Asked) => {
    setAsked(null);
    try {
      await board.saved(); // what is not saved yet would come on top of the restored board
      const { undo } = await history.restore(board.id, version.id, itemId);
      toast(`${what} as of ${formatInstant(version.createdAt)}`, {
        action: { label: 'Undo', run: () => void history.restore(board.id, undo, itemId).then(load, (error: unknown) => setFailed(String(error))) },
      });
      await load();
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error), { tone: 'error' });
    }
  };
  const askItem = canWrite ? (itemId: string, name: string) => setAsked({ itemId, what: `“${name.slice(0, 40) || 'Untitled'}”` }) : null;
  return (
    <div className="version-view">
      <button type="button" className="btn btn-ghost btn-sm" onClick={onBack}>
        <ChevronLeft aria-hidden /> Versions
      </button>
      <h2>{titleOf(version)}</h2>
      <p className="panel-meta">{formatInstant(version.createdAt)}</p>
      {failed !== null && <p className="note">{failed}</p>}
      {found === null ? failed === null && <p className="muted history-wait">Comparing…</p> : <Differences found={found} onRestore={askItem} />}
      {canWrite && found !== null && !isSame(found) && (
        <footer className="version-foot">
          <button type="button" className="btn btn-primary" onClick={() => setAsked({ itemId: null, what: 'The board' })}>
            <RotateCcw aria-hidden /> Restore the board
          </button>
        </footer>
      )}
      {asked && (
        <Dialog
          title={asked.itemId === null ? 'Restore the board?' : `Restore ${asked.what}?`}
          onClose={() => setAsked(null)}
          footer={
            <>
              <button type="button" className="btn btn-ghost" onClick={() => setAsked(null)}>
                Cancel
              </button>
              <button type="button" className="btn btn-primary" onClick={() => void restore(asked)}>
                Restore
              </button>
            </>
          }
        >
          <p>
            {asked.itemId === null
              ? `Everybody on the board sees it as it was on ${formatInstant(version.createdAt)}. Items added since go to the trash; comments stay.`
              : `The item reads as it did on ${formatInstant(version.createdAt)}, in its old place. Its comments stay.`}
          </p>
          <p className="muted">The board as it is now is kept as a version, so you can take this back.</p>
        </Dialog>
      )}
    </div>
  );
}

const isSame = ({ counts, diff }: VersionDiff): boolean =>
  counts.added + counts.removed + counts.changed === 0 &&
  Object.keys(diff.board).length === 0 &&
  [diff.columns, diff.groups].every(({ added, removed, changed }) => added.length + removed.length + changed.length === 0);

function Differences({ found, onRestore }: { found: VersionDiff; onRestore: ((itemId: string, name: string) => void) | null }) {
  const names = useNames();
  const { diff, counts } = found;
  if (isSame(found)) return <p className="muted history-wait">The board is as it was then.</p>;
  const structure = structureLines(found, names);
  const button = (id: string, name: string) =>
    onRestore && (
      <button type="button" className="btn btn-outline btn-sm" aria-label={`Restore ${name}`} onClick={() => onRestore(id, name)}>
        <RotateCcw aria-hidden /> Restore
      </button>
    );
  return (
    <>
      {structure.length > 0 && (
        <Part title="Board" count={structure.length} shown={structure.length}>
          {structure.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </Part>
      )}
      <Part title="Changed since" count={counts.changed} shown={diff.items.changed.length}>
        {diff.items.changed.map((item) => (
          <li key={item.id} className="difference">
            <div className="row">
              <strong className="grow truncate">{item.name || 'Untitled'}</strong>
              {button(item.id, item.name)}
            </div>
            <ul className="activity-changes">
              {changesOf(item, names).map((change) => (
                <li key={change.label}>
                  <ChangeLine change={change} />
                </li>
              ))}
            </ul>
          </li>
        ))}
      </Part>
      <Part title="Deleted since" count={counts.removed} shown={diff.items.removed.length}>
        {diff.items.removed.map((item) => (
          <li key={item.id} className="row">
            <span className="grow truncate">{item.name || 'Untitled'}</span>
            {button(item.id, item.name)}
          </li>
        ))}
      </Part>
      <Part title="Added since" count={counts.added} shown={diff.items.added.length}>
        {diff.items.added.map((item) => (
          <li key={item.id} className="truncate">
            {item.name || 'Untitled'}
          </li>
        ))}
      </Part>
    </>
  );
}

function Part({ title, count, shown, children }: { title: string; count: number; shown: number; children: ReactNode }) {
  if (count === 0) return null;
  return (
    <section className="differences" aria-label={title}>
      <h3>
        {title} <span className="muted">{count}</span>
      </h3>
      <ul>{children}</ul>
      {count > shown && <p className="muted">and {count - shown} more</p>}
    </section>
  );
}

function changesOf(item: VersionDiff['diff']['items']['changed'][number], names: Names): Change[] {
  const { renamed, moved } = item;
  return [
    ...(renamed ? [{ label: 'Name', ...renamed }] : []),
    ...(moved
      ? [moved.before.groupId === moved.after.groupId ? { label: 'Place', before: '', after: 'reordered' } : { label: 'Group', before: names.group(moved.before.groupId), after: names.group(moved.after.groupId) }]
      : []),
    ...Object.entries(item.values).map(([columnId, { before, after }]) => ({ label: names.column(columnId), before: names.value(columnId, before), after: names.value(columnId, after) })),
  ];
}

function structureLines({ diff }: VersionDiff, names: Names): string[] {
  const { board, columns, groups } = diff;
  return [
    ...(board.name ? [`Renamed from “${board.name.before}”`] : []),
    ...(board.description ? ['Another description'] : []),
    ...columns.added.map(({ title }) => `Column ${title} was added`),
    ...columns.removed.map(({ title }) => `Column ${title} was removed`),
    ...columns.changed.map(({ id }) => `Column ${names.column(id)} was changed`),
    ...groups.added.map(({ title }) => `Group ${title} was added`),
    ...groups.removed.map(({ title }) => `Group ${title} was removed`),
    ...groups.changed.map(({ title }) => `Group ${title} was changed`),
  ];
}
