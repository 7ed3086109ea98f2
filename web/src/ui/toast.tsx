/** Short messages at the foot of the window, with at most one action; announced politely. */
import { CircleAlert, CircleCheck } from 'lucide-react';
import { useEffect } from 'react';
import { createStore, useStore } from './store.ts';

export interface Toast {
  id: number;
  text: string;
  tone: 'info' | 'error';
  action?: { label: string; run: () => void };
}

const SHOWN_MS = 6000; // long enough to read two lines and reach "Undo"
const AT_ONCE = 3;

const toasts = createStore<Toast[]>([]);
/** How many dialogs are open. What is behind one can be neither clicked nor heard, so it shows the messages itself. */
const dialogs = createStore(0);
let nextId = 1;

export function dismissToast(id: number): void {
  toasts.set(toasts.get().filter((toast) => toast.id !== id));
}

/** Answers what puts it away. */
export function toast(text: string, options: { tone?: 'info' | 'error'; action?: Toast['action'] } = {}): () => void {
  const id = nextId++;
  const entry: Toast = { id, text, tone: options.tone ?? 'info' };
  if (options.action) entry.action = options.action;
  toasts.set([...toasts.get().filter((other) => other.text !== text), entry].slice(-AT_ONCE));
  const dismiss = () => dismissToast(id);
  setTimeout(dismiss, SHOWN_MS);
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
          <span>{entry.text}</span>
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
        </div>
      ))}
    </div>
  );
}
