/** The whole app: sign-in, else the boards or one board, over one SDK client per session. */
import { createClient } from '@sunday/client';
import type { Client } from '@sunday/client';
import { SundayProvider } from '@sunday/client/react';
import { useEffect, useState } from 'react';
import { freshToken } from '../api/rest.ts';
import { BoardPage } from '../board/BoardPage.tsx';
import { BoardsPage } from '../boards/BoardsPage.tsx';
import { useStore } from '../ui/store.ts';
import { ErrorBoundary } from '../ui/ErrorBoundary.tsx';
import { Toasts } from '../ui/toast.tsx';
import { followInApp, useRoute } from './router.ts';
import { session } from './session.ts';
import type { Session } from './session.ts';
import { SignIn } from './SignIn.tsx';

export function App() {
  const current = useStore(session);
  return (
    <>
      {current ? <SignedIn key={current.user.id} current={current} /> : <SignIn />}
      <Toasts />
    </>
  );
}

function SignedIn({ current }: { current: Session }) {
  const client = useClientOf(current);
  const route = useRoute();
  if (!client) return null;
  return (
    <SundayProvider client={client}>
      {route.page === 'boards' ? (
        <ErrorBoundary key="boards" title="Your boards could not be shown">
          <BoardsPage user={current.user} />
        </ErrorBoundary>
      ) : (
        <ErrorBoundary key={route.boardId} title="This board could not be shown" exits={<AllBoards />}>
          <BoardPage boardId={route.boardId} view={route.view} itemId={route.itemId} user={current.user} />
        </ErrorBoundary>
      )}
    </SundayProvider>
  );
}

function AllBoards() {
  return (
    <a className="btn btn-outline" href="/" onClick={followInApp({ page: 'boards' })}>
      All boards
    </a>
  );
}

/** One client per signed-in user; its token is read anew at each connect, so a renewed one is used at once. */
function useClientOf(current: Session): Client | null {
  const [client, setClient] = useState<Client | null>(null);
  const { id, name } = current.user;
  useEffect(() => {
    const made = createClient({
      url: location.origin,
      token: freshToken,
      user: { id, name },
    });
    setClient(made);
    return () => {
      setClient(null);
      void made.destroy();
    };
  }, [id, name]);
  return client;
}
