/** Imports under way: what each file is at, and where its board is when it is done. */
import { CircleAlert, CircleCheck, FileSpreadsheet, X } from 'lucide-react';
import { useCallback, useRef, useState } from 'react';
import { importBoard } from '../api/rest.ts';
import { followInApp, go, hrefOf } from '../app/router.ts';
import type { Route } from '../app/router.ts';
import { countItems } from '../board/model.ts';

export type Import = { id: number; file: string } & (
  { state: 'running'; text: string; fraction: number | null } | { state: 'done'; boardId: string; itemCount: number } | { state: 'failed'; why: string }
);

const titleOf = (file: File): string =>
  file.name
    .replace(/\.(csv|json)$/i, '')
    .replaceAll(/[_-]+/g, ' ')
    .replace(/^\p{Ll}/u, (first) => first.toUpperCase())
    .trim() || 'Imported board';

export function useImports(onDone: () => Promise<void>) {
  const [imports, setImports] = useState<Import[]>([]);
  const next = useRef(1);
  const start = useCallback(
    (files: readonly File[]) => {
      for (const file of files) {
        const id = next.current++;
        const put = (entry: Import) => setImports((now) => [...now.filter((each) => each.id !== id), entry]);
        put({ id, file: file.name, state: 'running', text: 'Uploading', fraction: 0 });
        importBoard(file, titleOf(file), (progress) => {
          if (progress.phase === 'uploading')
            put({ id, file: file.name, state: 'running', text: 'Uploading', fraction: progress.fraction < 1 ? progress.fraction : null });
          else if (progress.stage === 'reading')
            put({
              id,
              file: file.name,
              state: 'running',
              text: `Reading ${progress.done} of ${progress.total} rows`,
              fraction: progress.total > 0 ? progress.done / progress.total : null,
            });
          else put({ id, file: file.name, state: 'running', text: `Saving ${progress.total} items`, fraction: null });
        })
          .then(({ board, itemCount }) => {
            put({ id, file: file.name, state: 'done', boardId: board.id, itemCount });
            if (files.length === 1) go({ page: 'board', boardId: board.id, view: 'table', itemId: null });
            return onDone();
          })
          .catch((error: unknown) => put({ id, file: file.name, state: 'failed', why: error instanceof Error ? error.message : String(error) }));
      }
    },
    [onDone],
  );
  const dismiss = useCallback((id: number) => setImports((now) => now.filter((each) => each.id !== id)), []);
  return { imports, start, dismiss };
}

export function ImportCards({ imports, onDismiss }: { imports: readonly Import[]; onDismiss: (id: number) => void }) {
  if (imports.length === 0) return null;
  return (
    <div className="imports" role="status" aria-live="polite">
      {imports.map((entry) => (
        <div key={entry.id} className="import-card">
          {entry.state === 'failed' ? (
            <CircleAlert className="is-bad" aria-hidden />
          ) : entry.state === 'done' ? (
            <CircleCheck className="is-good" aria-hidden />
          ) : (
            <FileSpreadsheet aria-hidden />
          )}
          <div className="grow stack">
            <div className="row">
              <strong className="truncate">{entry.file}</strong>
              <span className="grow" />
              <Outcome entry={entry} />
            </div>
            {entry.state === 'running' && (
              <div
                className={`progress ${entry.fraction === null ? 'is-busy' : ''}`}
                role="progressbar"
                aria-label={`Importing ${entry.file}`}
                aria-valuemin={0}
                aria-valuemax={100}
                {...(entry.fraction === null ? {} : { 'aria-valuenow': Math.round(entry.fraction * 100) })}
              >
                <div style={{ width: `${Math.round((entry.fraction ?? 0.3) * 100)}%` }} />
              </div>
            )}
            {entry.state === 'failed' && <span className="field-error">{entry.why}</span>}
          </div>
          {entry.state !== 'running' && (
            <button type="button" className="row-tool" aria-label="Dismiss" onClick={() => onDismiss(entry.id)}>
              <X aria-hidden />
            </button>
          )}
        </div>
      ))}
    </div>
  );
}

function Outcome({ entry }: { entry: Import }) {
  switch (entry.state) {
    case 'running':
      return <span className="muted">{entry.text}</span>;
    case 'failed':
      return <span className="is-bad">Not imported</span>;
    case 'done': {
      const to: Route = { page: 'board', boardId: entry.boardId, view: 'table', itemId: null };
      return (
        <a href={hrefOf(to)} onClick={followInApp(to)}>
          Open · {countItems(entry.itemCount)}
        </a>
      );
    }
  }
}
