/** Somebody who waits for a committed moment of a board: run when the document is head + a batch, answered when that batch is committed. */
export interface Reader {
  /** Goes on waiting while a commit takes long, as long as there is hope. */
  readonly patient: boolean;
  run(): void;
  settle(seq: number): void;
  fail(error: Error): void;
}

const errorOf = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));

/** A reader whose answer, or what it threw, becomes a promise's. */
export function promised<T>(read: () => T, patient: boolean, resolve: (answer: { value: T; seq: number }) => void, reject: (error: Error) => void): Reader {
  let outcome: { ok: true; value: T } | { ok: false; error: Error } | null = null;
  return {
    patient,
    run: () => {
      try {
        outcome = { ok: true, value: read() };
      } catch (error) {
        outcome = { ok: false, error: errorOf(error) };
      }
    },
    settle: (seq) => {
      if (outcome === null) reject(new Error('a reader was settled before it ran'));
      else if (outcome.ok) resolve({ value: outcome.value, seq });
      else reject(outcome.error);
    },
    fail: reject,
  };
}
