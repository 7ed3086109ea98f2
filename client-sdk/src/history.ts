/**
 * Undo and redo of one's own changes. A step is one write, or one batch. Undoing writes the inverse as a fresh change (a Yjs UndoManager
 * does nothing after the server's corrective write), and what it really changed becomes the step to redo.
 * Comments are not steps: taking one back is an act of its own (`comments.delete`). Editors bound to `longText` bring their own undo.
 */
import { revert } from './changes.ts';
import { Listeners } from './listeners.ts';
import type { Change, Listener, Undo, UndoResult, Unsubscribe } from './types.ts';
import type { Writes } from './writes.ts';

const MAX_STEPS = 200; // what a person may still remember; bounds the memory of a long session
const TYPING_PAUSE_MS = 1_000; // keystrokes into one text closer than this are one step

interface Step {
  readonly changes: readonly Change[];
  /** The text being typed into, while more may join. */
  readonly text: string | null;
  readonly at: number;
}

const NOTHING: UndoResult = { applied: 0, skipped: [] };

export class History implements Undo {
  readonly #writes: Writes;
  readonly #listeners = new Listeners();
  #past: Step[] = [];
  #future: Step[] = [];
  #running: 'undo' | 'redo' | null = null;

  constructor(writes: Writes) {
    this.#writes = writes;
  }

  get canUndo(): boolean { return this.#past.length > 0; }
  get canRedo(): boolean { return this.#future.length > 0; }

  subscribe(fn: Listener): Unsubscribe { return this.#listeners.add(fn); }
  undo(): UndoResult { return this.#run('undo', this.#past); }
  redo(): UndoResult { return this.#run('redo', this.#future); }

  /** One transaction of one's own. `text` names the long text it typed into. */
  record(all: readonly Change[], text: string | null): void {
    const changes = all.filter(({ kind }) => kind !== 'comment');
    if (changes.length === 0) return;
    const step: Step = { changes, text, at: Date.now() };
    const last = this.#past.at(-1);
    if (this.#running === 'undo') this.#future.push(step);
    else if (!this.#running && last && text !== null && last.text === text && step.at - last.at < TYPING_PAUSE_MS) {
      this.#past[this.#past.length - 1] = { ...step, changes: join(last.changes, changes) };
    } else this.#past.push(step);
    if (!this.#running) this.#future = [];
    if (this.#past.length > MAX_STEPS) this.#past.shift();
    this.#listeners.emit();
  }

  /** Forgets the steps: what was done before cannot be taken back. */
  clear(): void {
    if (!this.canUndo && !this.canRedo) return;
    this.#past = [];
    this.#future = [];
    this.#listeners.emit();
  }

  #run(mode: 'undo' | 'redo', steps: Step[]): UndoResult {
    const step = steps.at(-1);
    if (!step) return NOTHING;
    this.#running = mode;
    steps.pop();
    try {
      return revert(this.#writes, step.changes);
    } finally {
      this.#running = null;
      this.#listeners.emit();
    }
  }
}

/** Both edits of the same things as one change each. */
function join(first: readonly Change[], second: readonly Change[]): Change[] {
  return second.map((change) => {
    const earlier = first.find(({ kind, id }) => kind === change.kind && id === change.id);
    return earlier ? ({ ...change, before: earlier.before } as Change) : change;
  });
}
