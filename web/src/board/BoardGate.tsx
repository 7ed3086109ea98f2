/** What stands in place of a board that is still loading, or that the server refused: why, and what can be done about it. */
import type { Board, BoardStatus } from '@sunday/client';
import { useConnection } from '@sunday/client/react';
import { Download, Lock } from 'lucide-react';
import { useEffect, useState } from 'react';
import { followInApp } from '../app/router.ts';
import { signOut } from '../app/session.ts';
import type { SessionUser } from '../app/session.ts';
import { TopBar } from '../app/TopBar.tsx';
import { attempt } from './context.ts';

const WHY: Record<string, { title: string; text: string }> = {
  forbidden: { title: 'You are not a member of this board', text: 'Ask one of its owners to share it with you.' },
  board_not_found: { title: 'There is no such board', text: 'It may have been deleted, or the link is incomplete.' },
  token_expired: { title: 'Your session has ended', text: 'Sign in again to go on. What you wrote is kept on this device.' },
  token_revoked: { title: 'You were signed out', text: 'Sign in again to go on. What you wrote is kept on this device.' },
  unauthenticated: { title: 'Please sign in again', text: 'The server did not accept your session.' },
};

/** Refusals of the guard: a change the server will never take. What else was written can go on a fresh copy. */
const REFUSED_CHANGES: Record<string, string> = {
  update_not_allowed: 'Your role does not allow it.',
  update_structure_locked: 'Only owners may change the columns and groups of this board.',
  update_invalid_link: 'Links must begin with http, https or mailto.',
  update_invalid_value: 'A value did not fit its column.',
};
const refusedChange = (code: string) => ({ title: 'The server refused a change', text: `${REFUSED_CHANGES[code] ?? `Its reason: ${code}.`} Nothing you wrote is thrown away.` });

const SLOW_MS = 400; // before that, saying "loading" would only flicker

export function BoardGate({ board, status, user }: { board: Board | null; status: BoardStatus; user: SessionUser }) {
  const connection = useConnection();
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), SLOW_MS);
    return () => clearTimeout(timer);
  }, []);

  if (board && status.refused)
    return <Refused board={board} code={status.refused.code} drafts={status.refused.draft.changes.length} draft={status.refused.draft.update} user={user} />;
  return (
    <div className="page">
      <TopBar user={user} />
      {slow && (
        <div className="empty" role="status">
          <span className="spinner" />
          {connection === 'offline' ? (
            <>
              <h2>You are offline</h2>
              <p>This board is not on this device yet. It opens as soon as the server can be reached.</p>
            </>
          ) : (
            <p>Opening the board…</p>
          )}
        </div>
      )}
    </div>
  );
}

interface RefusedProps {
  board: Board;
  code: string;
  drafts: number;
  draft: Uint8Array;
  user: SessionUser;
}

function Refused({ board, code, drafts, draft, user }: RefusedProps) {
  const known = WHY[code] ?? refusedChange(code);
  const signedOut = code === 'token_expired' || code === 'token_revoked' || code === 'unauthenticated';
  const canRetry = !signedOut && code !== 'board_not_found' && code !== 'forbidden';
  const save = () => {
    const url = URL.createObjectURL(new Blob([new Uint8Array(draft)], { type: 'application/octet-stream' }));
    const link = document.createElement('a');
    link.href = url;
    link.download = 'sunday-draft.yjs';
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  };
  return (
    <div className="page">
      <TopBar user={user} />
      <div className="empty" role="alert">
        <Lock size={28} aria-hidden />
        <h2>{known.title}</h2>
        <p>{known.text}</p>
        {code === 'forbidden' && (
          <p>
            They add you by your user id: <code className="user-id">{user.id}</code>
          </p>
        )}
        {drafts > 0 && <p>{drafts === 1 ? 'One change was' : `${drafts} changes were`} not saved.</p>}
        <div className="row">
          {signedOut && (
            <button type="button" className="btn btn-primary" onClick={signOut}>
              Sign in again
            </button>
          )}
          {canRetry && (
            <button type="button" className="btn btn-primary" onClick={() => attempt(() => void board.startFresh({ replay: true }))}>
              Open again with my changes
            </button>
          )}
          {canRetry && drafts > 0 && (
            <button type="button" className="btn btn-outline" onClick={() => attempt(() => void board.startFresh())}>
              Open without them
            </button>
          )}
          {drafts > 0 && (
            <button type="button" className="btn btn-outline" onClick={save}>
              <Download aria-hidden /> Save my changes
            </button>
          )}
          <a className="btn btn-ghost" href="/" onClick={followInApp({ page: 'boards' })}>
            All boards
          </a>
        </div>
      </div>
    </div>
  );
}
