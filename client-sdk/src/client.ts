import type { Client, ClientOptions } from './types.ts';

export function createClient(options: ClientOptions): Client {
  throw new Error(`not built yet: ${options.url}`);
}
