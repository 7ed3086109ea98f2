/** The door: a name for a development session, or a token from the organisation's own sign-in. */
import { useState } from 'react';
import type { FormEvent } from 'react';
import { api, ApiError } from '../api/rest.ts';
import { Logo } from '../ui/Logo.tsx';
import { sessionFromToken, signIn } from './session.ts';

type Way = 'name' | 'token';

export function SignIn() {
  const [way, setWay] = useState<Way>('name');
  const [text, setText] = useState('');
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  const submit = async () => {
    setProblem(null);
    if (way === 'token') {
      const made = sessionFromToken(text);
      if (made) signIn(made);
      else setProblem('That does not look like a token: a JWT has three parts with dots between.');
      return;
    }
    setBusy(true);
    try {
      signIn({ ...(await api.devSession(text.trim())), byName: true });
    } catch (error) {
      const closed = error instanceof ApiError && (error.status === 404 || error.status === 403);
      setProblem(closed ? 'This server takes no names. Ask for a token and paste it.' : error instanceof Error ? error.message : String(error));
      if (closed) change('token', false);
    } finally {
      setBusy(false);
    }
  };

  const change = (next: Way, clean = true) => {
    setWay(next);
    setText('');
    if (clean) setProblem(null);
  };

  return (
    <main className="signin">
      <div className="signin-card">
        <Logo size={44} />
        <div>
          <h1>Welcome to Sunday</h1>
          <p className="muted">Boards your team edits together, on a server of your own.</p>
        </div>
        <form
          onSubmit={(event: FormEvent) => {
            event.preventDefault();
            void submit();
          }}
        >
          <label className="field">
            <span>{way === 'name' ? 'Your name' : 'Token'}</span>
            {way === 'name' ? (
              <input
                className="input"
                name="name"
                autoComplete="name"
                placeholder="Ada Lovelace"
                value={text}
                onChange={(event) => setText(event.target.value)}
                autoFocus
                required
                maxLength={80}
              />
            ) : (
              <textarea
                className="input"
                name="token"
                rows={4}
                spellCheck={false}
                placeholder="eyJhbGciOi…"
                value={text}
                onChange={(event) => setText(event.target.value)}
                autoFocus
                required
              />
            )}
          </label>
          {problem && (
            <p className="field-error" role="alert">
              {problem}
            </p>
          )}
          <button type="submit" className="btn btn-primary" disabled={busy || text.trim() === ''}>
            {busy ? 'Signing in…' : 'Sign in'}
          </button>
        </form>
        <button type="button" className="btn btn-ghost btn-sm" onClick={() => change(way === 'name' ? 'token' : 'name')}>
          {way === 'name' ? 'Sign in with a token instead' : 'Sign in with a name instead'}
        </button>
      </div>
    </main>
  );
}
