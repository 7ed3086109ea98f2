/** One live board: opens it through the SDK, shares it with its parts by context, shows table or kanban, panel and dialogs. */
import { useBoard, useColumns, useGroups, useItems, useSyncState } from '@sunday/client/react';
import type { Board } from '@sunday/client';
import { useCallback, useDeferredValue, useEffect, useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import { api } from '../api/rest.ts';
import type { Member } from '../api/rest.ts';
import { showItem } from '../app/router.ts';
import type { ViewName } from '../app/router.ts';
import type { SessionUser } from '../app/session.ts';
import { HistoryPanel } from '../history/HistoryPanel.tsx';
import { ItemPanel } from '../item/ItemPanel.tsx';
import { KanbanView } from '../kanban/KanbanView.tsx';
import { TableView } from '../table/TableView.tsx';
import { BoardDialogs } from './BoardDialogs.tsx';
import { BoardHeader } from './BoardHeader.tsx';
import { BoardContext, ColumnsContext, GroupsContext } from './context.ts';
import type { BoardDialog, BoardScope } from './context.ts';
import { ComputedContext, useComputedColumns, useQueried } from './computed.ts';
import { LookingContext, useLooking } from './looking.ts';
import { nameOf } from './model.ts';
import { PeopleContext, usePeople, usePeopleOf } from './people.ts';
import { PresenceContext, usePresenceByItem } from './presence.ts';
import { asksComputed, isNarrowed, queryItems, tableRows } from './query.ts';
import { BoardGate } from './BoardGate.tsx';
import { Toolbar } from './Toolbar.tsx';
import { useSeenUsers } from './use-seen-users.ts';
import { useShortcuts } from './use-shortcuts.ts';
import { openView } from './view-state.ts';
import { ErrorBoundary } from '../ui/ErrorBoundary.tsx';
import { useStore } from '../ui/store.ts';

interface BoardPageProps {
  boardId: string;
  view: ViewName;
  itemId: string | null;
  user: SessionUser;
}

export function BoardPage(props: BoardPageProps) {
  const board = useBoard(props.boardId);
  const status = useSyncState(board);
  if (!board || !status.loaded || status.refused) return <BoardGate board={board} status={status} user={props.user} />;
  return <OpenBoard {...props} board={board} readOnly={status.readOnly} />;
}

const NO_MEMBERS: readonly Member[] = [];

function OpenBoard({ board, boardId, view: viewName, itemId, user, readOnly }: BoardPageProps & { board: Board; readOnly: string | null }) {
  const [view] = useState(() => openView(boardId));
  const [dialog, setDialog] = useState<BoardDialog | null>(null);
  const [historyOpen, setHistoryOpen] = useState(false);
  const { members, reload } = useMembers(boardId);
  const columns = useColumns(board);
  const groups = useGroups(board);
  const seen = useSeenUsers(board);
  const people = usePeopleOf(members, columns, seen, user);
  const presence = usePresenceByItem(board);
  const looking = useLooking(board);
  const computed = useComputedColumns(board);
  useShortcuts(board);

  const openItem = useCallback((next: string | null) => showItem(next), []);
  useEffect(() => {
    if (historyOpen) reload(); // it names people who came since the page was opened
  }, [historyOpen, reload]);
  const toggleHistory = () => {
    setHistoryOpen(itemId !== null || !historyOpen);
    openItem(null); // both stand in one place
  };
  const scope = useMemo<BoardScope>(
    () => ({ board, user, view, canWrite: readOnly === null, canComment: readOnly === null || readOnly === 'comments_only', openItem, openDialog: setDialog }),
    [board, user, view, readOnly, openItem],
  );
  return (
    <BoardContext value={scope}>
      <ColumnsContext value={columns}>
        <GroupsContext value={groups}>
          <PeopleContext value={people}>
            <PresenceContext value={presence}>
              <LookingContext value={looking}>
                <ComputedContext value={computed}>
                  <div className={`board ${itemId === null && !historyOpen ? '' : 'has-panel'}`}>
                    <BoardHeader viewName={viewName} onHistory={toggleHistory} />
                    <Views board={board} view={view} viewName={viewName} />
                    {itemId !== null ? (
                      <PanelBoundary key={itemId} title="This item could not be shown" onClose={() => openItem(null)}>
                        <ItemPanel itemId={itemId} />
                      </PanelBoundary>
                    ) : (
                      historyOpen && (
                        <PanelBoundary title="The history could not be shown" onClose={() => setHistoryOpen(false)}>
                          <HistoryPanel onClose={() => setHistoryOpen(false)} />
                        </PanelBoundary>
                      )
                    )}
                  </div>
                  {dialog && <BoardDialogs dialog={dialog} members={members} onMembers={reload} onClose={() => setDialog(null)} />}
                </ComputedContext>
              </LookingContext>
            </PresenceContext>
          </PeopleContext>
        </GroupsContext>
      </ColumnsContext>
    </BoardContext>
  );
}

function PanelBoundary({ title, onClose, children }: { title: string; onClose: () => void; children: ReactNode }) {
  const close = (
    <button type="button" className="btn btn-outline" onClick={onClose}>
      Close
    </button>
  );
  return (
    <ErrorBoundary title={title} exits={close} className="panel">
      {children}
    </ErrorBoundary>
  );
}

interface ViewsProps {
  board: Board;
  view: BoardScope['view'];
  viewName: ViewName;
}

/** Toolbar and view: what changes with every edit of the board re-renders here and below, not in the header. */
function Views({ board, view, viewName }: ViewsProps) {
  const columns = useColumns(board);
  const groups = useGroups(board);
  const items = useItems(board);
  const state = useStore(view);
  const search = useDeferredValue(state.search); // typing stays quick: a large board is searched just after
  const people = usePeople();
  const { filters, sort, folded } = state;
  const query = useMemo(() => ({ search, filters, sort }), [search, filters, sort]);
  const queried = useQueried(items, columns, asksComputed(query, columns));
  const found = useMemo(
    () => queryItems(queried, query, { columns, people, nameOfItem: (id) => nameOf(board.items.get(id) ?? { name: '' }) }),
    [queried, query, columns, people, board],
  );
  const narrowed = isNarrowed({ ...state, search });
  const rows = useMemo(() => tableRows(found, groups, folded, narrowed), [found, groups, folded, narrowed]);
  return (
    <main className="board-main">
      <Toolbar viewName={viewName} shown={found.length} total={items.length} />
      {found.length === 0 && narrowed ? (
        <div className="empty view-empty">
          <h2>Nothing matches</h2>
          <p>No item fits the search and filters.</p>
          <button type="button" className="btn btn-outline" onClick={() => view.patch({ search: '', filters: [] })}>
            Clear search and filters
          </button>
        </div>
      ) : viewName === 'kanban' ? (
        <KanbanView items={found} />
      ) : (
        <TableView rows={rows} />
      )}
    </main>
  );
}

function useMembers(boardId: string) {
  const [members, setMembers] = useState<readonly Member[]>(NO_MEMBERS);
  const reload = useCallback(() => {
    api.members(boardId).then(setMembers, () => {
      // offline or not allowed: names still come from presence and the board itself
    });
  }, [boardId]);
  useEffect(reload, [reload]);
  return { members, reload };
}
