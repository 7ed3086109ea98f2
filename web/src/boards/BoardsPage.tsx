/** The way in: one's boards, a new one from a template, or one made of a CSV dropped anywhere on the page. */
import { FileUp, LayoutTemplate, Plus, Search } from 'lucide-react';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { api } from '../api/rest.ts';
import type { BoardSummary } from '../api/rest.ts';
import type { SessionUser } from '../app/session.ts';
import { go } from '../app/router.ts';
import { TopBar } from '../app/TopBar.tsx';
import { toast } from '../ui/toast.tsx';
import { BoardTile } from './BoardTile.tsx';
import { ImportCards, useImports } from './imports.tsx';
import { NewBoardDialog } from './NewBoardDialog.tsx';
import { useFileDrop } from './use-file-drop.ts';

type Listing = { state: 'loading' } | { state: 'failed'; why: string } | { state: 'ready'; boards: BoardSummary[] };

export function useBoardList() {
  const [listing, setListing] = useState<Listing>({ state: 'loading' });
  const load = useCallback(async () => {
    try {
      const boards = await api.boards();
      boards.sort((a, b) => b.updatedAt.localeCompare(a.updatedAt));
      setListing({ state: 'ready', boards });
    } catch (error) {
      setListing({ state: 'failed', why: error instanceof Error ? error.message : String(error) });
    }
  }, []);
  useEffect(() => {
    void load();
  }, [load]);
  return { listing, load };
}

export function BoardsPage({ user }: { user: SessionUser }) {
  const { listing, load } = useBoardList();
  const [search, setSearch] = useState('');
  const [creating, setCreating] = useState(false);
  const picker = useRef<HTMLInputElement>(null);
  const { imports, start, dismiss } = useImports(load);
  const dropping = useFileDrop(start);

  useEffect(() => {
    document.title = 'Boards · Sunday';
  }, []);

  const shown = useMemo(() => {
    if (listing.state !== 'ready') return [];
    const term = search.trim().toLowerCase();
    return term === '' ? listing.boards : listing.boards.filter((board) => board.name.toLowerCase().includes(term));
  }, [listing, search]);

  const remove = async (board: BoardSummary) => {
    try {
      await api.deleteBoard(board.id);
      toast(`“${board.name}” was deleted`);
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error), { tone: 'error' });
    }
    await load();
  };

  const duplicate = async (board: BoardSummary) => {
    try {
      const copy = await api.duplicateBoard(board.id);
      go({ page: 'board', boardId: copy.id, view: 'table', itemId: null });
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error), { tone: 'error' });
    }
  };

  const nothing = listing.state === 'ready' && listing.boards.length === 0 && imports.length === 0;
  return (
    <div className="page">
      <TopBar user={user} />
      <main className="home">
        <header className="home-head">
          <h1>Boards</h1>
          <span className="grow" />
          <label className="search">
            <Search aria-hidden />
            <input
              className="input"
              type="search"
              aria-label="Find a board"
              placeholder="Find a board"
              value={search}
              onChange={(event) => setSearch(event.target.value)}
            />
          </label>
          <button type="button" className="btn btn-outline" onClick={() => picker.current?.click()}>
            <FileUp aria-hidden /> Import
          </button>
          <button type="button" className="btn btn-primary" onClick={() => setCreating(true)}>
            <Plus aria-hidden /> New board
          </button>
          <input
            ref={picker}
            type="file"
            accept=".csv,.json,text/csv,application/json"
            hidden
            multiple
            onChange={(event) => {
              start([...(event.target.files ?? [])]);
              event.target.value = '';
            }}
          />
        </header>
        <ImportCards imports={imports} onDismiss={dismiss} />
        {listing.state === 'loading' && <Skeleton />}
        {listing.state === 'failed' && (
          <div className="empty" role="alert">
            <h2>The boards could not be loaded</h2>
            <p>{listing.why}</p>
            <button type="button" className="btn btn-outline" onClick={() => void load()}>
              Try again
            </button>
          </div>
        )}
        {nothing && (
          <div className="empty welcome">
            <LayoutTemplate size={36} aria-hidden />
            <h2>Your first board</h2>
            <p>Start from a template, or drop a CSV anywhere on this page and it becomes a board: statuses, people, dates and all.</p>
            <button type="button" className="btn btn-primary" onClick={() => setCreating(true)}>
              <Plus aria-hidden /> New board
            </button>
          </div>
        )}
        {listing.state === 'ready' && !nothing && shown.length === 0 && search !== '' && <p className="empty">No board is called “{search}”.</p>}
        <ul className="tiles">
          {shown.map((board) => (
            <BoardTile key={board.id} board={board} onDelete={() => void remove(board)} onDuplicate={() => void duplicate(board)} />
          ))}
        </ul>
      </main>
      {dropping && (
        <div className="drop-veil" aria-hidden>
          <div>
            <FileUp size={32} />
            <strong>Drop to import</strong>
            <span>A CSV or a Sunday export becomes a new board</span>
          </div>
        </div>
      )}
      {creating && <NewBoardDialog onClose={() => setCreating(false)} />}
    </div>
  );
}

function Skeleton() {
  return (
    <ul className="tiles" aria-label="Loading">
      {Array.from({ length: 6 }, (_, index) => (
        <li key={index} className="tile is-skeleton" />
      ))}
    </ul>
  );
}
