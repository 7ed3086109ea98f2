/** Somebody else's program that is told of events by request, as a webhook is: it outlives whoever tells it, and knows an event again by its id. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { decodeEvent } from '@sunday/extension-event-bus';
import type { Received } from './received.ts';

export interface Receiver {
  readonly url: string;
  /** What it could not make sense of. */
  readonly trouble: unknown[];
  /** When the next request is taken and not yet answered, `work` is done. Resolves after it. */
  beforeNextAnswer(work: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

export async function openReceiver(received: Received): Promise<Receiver> {
  const trouble: unknown[] = [];
  let beforeAnswer: (() => Promise<void>) | null = null;
  const server = createServer((request, answer) => {
    void readJson(request).then(async (json) => {
      received.take(decodeEvent(json));
      const work = beforeAnswer;
      beforeAnswer = null;
      await work?.();
      answer.writeHead(204).end();
    }).catch((error: unknown) => {
      trouble.push(error);
      answer.writeHead(500).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`, trouble,
    beforeNextAnswer: (work) => new Promise((resolve, reject) => { beforeAnswer = () => work().then(resolve, reject); }),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += String(chunk);
  return JSON.parse(text);
}
