/** The history of the board beside it: what happened, live, and versions to compare with and to return to. A full page on a phone. */
import { Download, X } from 'lucide-react';
import { useRef, useState } from 'react';
import { downloadActivity } from '../api/rest.ts';
import { useScope } from '../board/context.ts';
import { useFocusInside } from '../ui/focus-inside.ts';
import { toast } from '../ui/toast.tsx';
import { ActivityList } from './ActivityList.tsx';
import { useBoardActivity } from './use-activity.ts';
import { Versions } from './Versions.tsx';

type Tab = 'activity' | 'versions';

export function HistoryPanel({ onClose }: { onClose: () => void }) {
  const { board } = useScope();
  const [tab, setTab] = useState<Tab>('activity');
  const panel = useRef<HTMLElement>(null);
  useFocusInside(panel);
  const download = () => {
    downloadActivity(board.id, board.info.current.name || 'board').catch((error: unknown) => toast(error instanceof Error ? error.message : String(error), { tone: 'error' }));
  };
  return (
    <aside
      ref={panel}
      className="panel history"
      tabIndex={-1}
      aria-label="History"
      onKeyDown={(event) => {
        if (event.key === 'Escape' && !event.defaultPrevented) onClose();
      }}
    >
      <header className="panel-head">
        <div className="segmented" role="tablist" aria-label="History">
          <button type="button" role="tab" aria-selected={tab === 'activity'} onClick={() => setTab('activity')}>
            Activity
          </button>
          <button type="button" role="tab" aria-selected={tab === 'versions'} onClick={() => setTab('versions')}>
            Versions
          </button>
        </div>
        <span className="grow" />
        {tab === 'activity' && (
          <button type="button" className="btn btn-ghost btn-icon" aria-label="Download all activity" title="Download all activity (CSV)" onClick={download}>
            <Download aria-hidden />
          </button>
        )}
        <button type="button" className="btn btn-ghost btn-icon" aria-label="Close history" title="Close (Esc)" onClick={onClose}>
          <X aria-hidden />
        </button>
      </header>
      <div className="panel-body">{tab === 'activity' ? <BoardActivity boardId={board.id} /> : <Versions />}</div>
    </aside>
  );
}

function BoardActivity({ boardId }: { boardId: string }) {
  return <ActivityList activity={useBoardActivity(boardId)} />;
}
