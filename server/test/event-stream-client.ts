/** A reader of `/v1/events/stream` as any client would be: fetch, lines, messages. */
import assert from 'node:assert/strict';

const PATIENCE_MS = 10_000;

export type StreamClient = {
  /** Of the last message that had one. */
  readonly lastEventId: string;
  /** The next test events, by name. */
  names(count: number): Promise<string[]>;
  heard(): string[];
  /** The code the server ended it with. */
  ended(): Promise<string>;
  close(): Promise<void>;
};

/** Resolves when the stream stands: what happens from now on will be told. */
export async function openStream(url: string, token: string, query: string, lastEventId?: string): Promise<StreamClient> {
  const abort = new AbortController();
  const response = await fetch(`${url}/v1/events/stream${query}`, {
    headers: { authorization: `Bearer ${token}`, ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) },
    signal: abort.signal,
  });
  assert.equal(response.status, 200, await (response.ok ? '' : response.text()));
  assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
  const state = { lastEventId: '', code: '', over: false, names: [] as string[], taken: 0 };
  const waiting = new Set<() => void>();
  const reading = (async () => {
    let rest = '';
    for await (const chunk of (response.body ?? assert.fail()).pipeThrough(new TextDecoderStream())) {
      rest += chunk;
      const messages = rest.split('\n\n');
      rest = messages.pop() ?? '';
      for (const message of messages) take(message);
      for (const wake of waiting) wake();
    }
  })().catch(() => undefined).finally(() => {
    state.over = true;
    for (const wake of waiting) wake();
  });

  function take(message: string): void {
    const fields = new Map(message.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]));
    state.lastEventId = fields.get('id') ?? state.lastEventId;
    const data = fields.get('data');
    if (data === undefined) return;
    const { code = '', type = '' } = JSON.parse(data) as { code?: string; type?: string };
    if (fields.get('event') === 'end') state.code = code;
    else if (type.startsWith('Test')) state.names.push(type.slice(4));
  }

  async function until(what: string, holds: () => boolean): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while (!holds()) {
      assert(Date.now() < deadline && !state.over, `never: ${what}; heard ${state.names.join(', ')}`);
      await new Promise<void>((resolve) => {
        const done = (): void => { clearTimeout(timer); waiting.delete(done); resolve(); };
        const timer = setTimeout(done, 200);
        waiting.add(done);
      });
    }
  }

  await until('the stream stands', () => state.lastEventId !== '');
  return {
    get lastEventId() { return state.lastEventId; },
    async names(count) {
      await until(`${count} events`, () => state.names.length >= state.taken + count);
      state.taken += count;
      return state.names.slice(state.taken - count, state.taken);
    },
    heard: () => [...state.names],
    async ended() {
      await until('the end', () => state.code !== '');
      await reading;
      return state.code;
    },
    async close() {
      abort.abort();
      await reading;
    },
  };
}
