/** A set of callbacks. One that throws does not keep the others from being called; its error surfaces as an unhandled one. */
import type { Listener, Unsubscribe } from './types.ts';

export class Listeners {
  readonly all = new Set<Listener>();

  add(fn: Listener): Unsubscribe {
    // Wrapped, so that one function subscribed twice is called twice and taken away one by one.
    const entry = (): void => fn();
    this.all.add(entry);
    return () => void this.all.delete(entry);
  }

  emit(): void {
    for (const fn of Array.from(this.all)) {
      try {
        fn();
      } catch (error) {
        queueMicrotask(() => { throw error; });
      }
    }
  }
}

/** Callbacks by what they listen to; a key nobody listens to is not kept. */
export class KeyedListeners {
  readonly #byKey = new Map<string, Listeners>();

  add(key: string, fn: Listener): Unsubscribe {
    const listeners = this.#byKey.get(key) ?? new Listeners();
    this.#byKey.set(key, listeners);
    const remove = listeners.add(fn);
    return () => {
      remove();
      if (listeners.all.size === 0 && this.#byKey.get(key) === listeners) this.#byKey.delete(key);
    };
  }

  emit(keys: Iterable<string> = [...this.#byKey.keys()]): void {
    for (const key of keys) this.#byKey.get(key)?.emit();
  }
}
