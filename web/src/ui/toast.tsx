/** Short messages at the foot of the window, with at most one action; announced politely. They go by themselves, unless they are to stay. */
import { CircleAlert, CircleCheck, X } from 'lucide-react';
import { useEffect } from 'react';
import { createStore, useStore } from './store.ts';

export interface Toast {
  id: number;
  text: string;
  tone: 'info' | 'error';
  /** Until it is put away. */
  stays: boolean;
  action?: { label: string; run: () => void };
}

export interface ToastOptions {
  tone?: 'info' | 'error';
  stays?: boolean;
  action?: Toast['action'];
}

const SHOWN_MS = 6000; // long enough to read two lines and reach "Undo"
const AT_ONCE = 3; // beside those that stay

const toasts = createStore<Toast[]>([]);
/** How many dialogs are open. What is behind one can be neither clicked nor heard, so it shows the messages itself. */
const dialogs = createStore(0);
let nextId = 1;

export function dismissToast(id: number): void {
  toasts.set(toasts.get().filter((toast) => toast.id !== id));
}

/** Answers what puts it away. */
export function toast(text: string, { tone = 'info', stays = false, action }: ToastOptions = {}): () => void {
  const id = nextId++;
  const entry: Toast = { id, text, tone, stays, ...(action ? { action } : {}) };
  const list = [...toasts.get().filter((other) => other.text !== text), entry];
  const passing = new Set(list.filter((each) => !each.stays).slice(-AT_ONCE));
  toasts.set(list.filter((each) => each.stays || passing.has(each)));
  const dismiss = () => dismissToast(id);
  if (!stays) setTimeout(dismiss, SHOWN_MS);
  return dismiss;
}

export function Toasts({ inDialog = false }: { inDialog?: boolean }) {
  const list = useStore(toasts);
  const shown = useStore(dialogs) > 0 === inDialog;
  useEffect(() => {
    if (!inDialog) return undefined;
    dialogs.set(dialogs.get() + 1);
    return () => dialogs.set(dialogs.get() - 1);
  }, [inDialog]);
  return (
    <div className="toasts" role="status" aria-live="polite">
      {(shown ? list : []).map((entry) => (
        <div key={entry.id} className="toast">
          {entry.tone === 'error' ? <CircleAlert aria-hidden /> : <CircleCheck aria-hidden />}
          <span className="toast-words">{entry.text}</span>
          {entry.action && (
            <button
              type="button"
              onClick={() => {
                entry.action?.run();
                dismissToast(entry.id);
              }}
            >
              {entry.action.label}
            </button>
          )}
          {entry.stays && (
            <button type="button" aria-label="Put away" onClick={() => dismissToast(entry.id)}>
              <X aria-hidden />
            </button>
          )}
        </div>
      ))}
    </div>
  );
}
