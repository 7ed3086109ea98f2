/** Short messages at the foot of the window, with at most one action; announced politely. */
import { CircleAlert, CircleCheck } from 'lucide-react';
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
let nextId = 1;

export function dismissToast(id: number): void {
  toasts.set(toasts.get().filter((toast) => toast.id !== id));
}

export function toast(text: string, options: { tone?: 'info' | 'error'; action?: Toast['action'] } = {}): void {
  const id = nextId++;
  const entry: Toast = { id, text, tone: options.tone ?? 'info' };
  if (options.action) entry.action = options.action;
  toasts.set([...toasts.get().filter((other) => other.text !== text), entry].slice(-AT_ONCE));
  setTimeout(() => dismissToast(id), SHOWN_MS);
}

export function Toasts() {
  const list = useStore(toasts);
  return (
    <div className="toasts" role="status" aria-live="polite">
      {list.map((entry) => (
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
