/**
 * A whole server on a database of its own and a random port, and a REST client for its tests: real sockets, real Postgres. Every JSON
 * answer the client gets is held against the schema that `/openapi.json` gives for it.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTestDatabase, type TestDatabase } from '@sunday/database/testing';
import type { ConsumerDefinition } from '@sunday/extension-event-bus';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { SignJWT } from 'jose';
import pino from 'pino';
import { loadConfig } from '../src/config.ts';
import { startSunday, type Sunday } from '../src/main.ts';

const SECRET = 'a secret of at least thirty-two bytes for tests';

export type Answer<T = Record<string, unknown>> = { status: number; headers: Headers; body: T; text: string };
export type Call = { body?: unknown; headers?: Record<string, string>; raw?: { type: string; bytes: Uint8Array<ArrayBuffer> | string } };
export type Api = {
  userId: string;
  token: string;
  call<T = Record<string, unknown>>(method: string, path: string, call?: Call): Promise<Answer<T>>;
  /** As `call`, and the status must be this one. */
  expect<T = Record<string, unknown>>(status: number, method: string, path: string, call?: Call): Promise<Answer<T>>;
};

export type TestServer = {
  url: string;
  database: TestDatabase;
  sunday: Sunday;
  log: string[];
  as(userId: string): Promise<Api>;
  tokenOf(userId: string, claims?: { issuedAt?: number; expiresAt?: number; secret?: string }): Promise<string>;
  close(): Promise<void>;
};

/**
 * @param wire what to put between the server and its database: gets the real URL, returns the one to use
 * @param place another node's database, which is then the caller's to close, and a name of its own
 */
export async function startTestServer(env: Record<string, string> = {}, wire: (url: string) => Promise<string> = (url) => Promise.resolve(url), place: { database?: TestDatabase; node?: string; consumers?: readonly ConsumerDefinition[] } = {}): Promise<TestServer> {
  const database = place.database ?? (await openTestDatabase());
  const dataDir = await mkdtemp(join(tmpdir(), 'sunday-rest-'));
  const log: string[] = [];
  const loaded = loadConfig({ PORT: '0', DATABASE_URL: await wire(database.connectionString), SUNDAY_DATA_DIR: dataDir, SUNDAY_JWT_SECRET: SECRET, ...env });
  // start.ts makes one in the data dir
  const config = loaded.devAuth ? { ...loaded, auth: { ...loaded.auth, secret: SECRET } } : loaded;
  const sunday = await startSunday(config, pino({ level: 'debug' }, { write: (line: string) => log.push(line) }), place.node ?? 'test', place.consumers).catch(async (error: unknown) => {
    if (place.database === undefined) await database.close(); // or its Postgres keeps this process alive
    throw error;
  });
  const contract = config.roles.has('api') ? await readContract(sunday.url) : undefined;

  const tokenOf: TestServer['tokenOf'] = (userId, { issuedAt, expiresAt, secret = SECRET } = {}) => {
    const jwt = new SignJWT({ name: `Name of ${userId}` }).setProtectedHeader({ alg: 'HS256' }).setSubject(userId).setIssuedAt(issuedAt);
    return jwt.setExpirationTime(expiresAt ?? Math.floor(Date.now() / 1000) + 3600).sign(new TextEncoder().encode(secret));
  };

  return {
    url: sunday.url, database, sunday, log, tokenOf,
    async as(userId) {
      const token = await tokenOf(userId);
      const call = async <T>(method: string, path: string, options: Call = {}): Promise<Answer<T>> => {
        const answer = await request<T>(`${sunday.url}/v1${path}`, method, { ...options, headers: { authorization: `Bearer ${token}`, ...options.headers } });
        contract?.check(method, path, answer);
        return answer;
      };
      return {
        userId, token, call,
        async expect<T>(status: number, method: string, path: string, options?: Call) {
          const answer = await call<T>(method, path, options);
          assert.equal(answer.status, status, `${method} ${path}: ${answer.text.slice(0, 600)}`);
          return answer;
        },
      };
    },
    async close() {
      await sunday.stop();
      if (place.database === undefined) await database.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export async function request<T = Record<string, unknown>>(url: string, method: string, { body, headers = {}, raw }: Call = {}): Promise<Answer<T>> {
  const content = raw?.bytes ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await fetch(url, {
    method,
    headers: { ...(content === undefined ? {} : { 'content-type': raw?.type ?? 'application/json' }), ...headers },
    ...(content === undefined ? {} : { body: content }),
  });
  const text = await response.text();
  const isJson = /[/+]json/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, text, body: (isJson && text !== '' ? JSON.parse(text) : {}) as T };
}

type OpenApi = { paths: Record<string, Record<string, { responses: Record<string, { content?: Record<string, { schema: object }> }> }>>; components: { schemas: Record<string, object> } };
export type Contract = { document: OpenApi; check(method: string, path: string, answer: Answer<unknown>): void };

/** The API's own description, as a judge of its answers. */
export async function readContract(url: string): Promise<Contract> {
  const { body: document } = await request<OpenApi>(`${url}/openapi.json`, 'GET');
  const ajv = new Ajv2020({ strict: false });
  ajv.addSchema({ $id: 'openapi', components: document.components });
  const compiled = new Map<string, ValidateFunction>();
  const routes = Object.keys(document.paths).map((pattern) => ({ pattern, match: new RegExp(`^${pattern.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`) }));
  return {
    document,
    check(method, path, answer) {
      const plain = `/v1${path.split('?')[0]}`;
      // the fixed address wins over the one with a parameter in its place
      const { pattern } = routes.filter((route) => route.match.test(plain)).sort((a, b) => a.pattern.split('{').length - b.pattern.split('{').length)[0] ?? {};
      const operation = pattern === undefined ? undefined : document.paths[pattern]?.[method.toLowerCase()];
      if (operation === undefined) return;
      const type = (answer.headers.get('content-type') ?? '').split(';')[0] ?? '';
      if (!type.endsWith('json') || type === 'application/x-ndjson') return;
      const response = operation.responses[String(answer.status)] ?? operation.responses['default'];
      const schema = response?.content?.[type]?.schema;
      assert(schema !== undefined, `${method} ${pattern} answers ${answer.status} ${type}, which its description does not have`);
      const key = `${method} ${pattern} ${answer.status} ${type}`;
      const validate = compiled.get(key) ?? ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"openapi#/components/')) as object);
      compiled.set(key, validate);
      assert(validate(answer.body), `${key} does not fit its schema: ${ajv.errorsText(validate.errors)} in ${answer.text.slice(0, 600)}`);
    },
  };
}

export type BoardBody = { id: string; name: string; description: string; workspaceId: string | null; columns: { id: string; title: string; type: string }[]; groups: { id: string; title: string }[]; version: number; role: string; itemCount?: number };
export type ItemBody = { id: string; name: string; groupId: string | null; values: Record<string, unknown>; position: string; updatedBy: string | null; createdBy: string | null; deletedAt: string | null };
export type PageBody<T> = { data: T[]; nextCursor: string | null };

/** Every entry of a list, page by page. */
export async function listAll<T>(api: Api, path: string, limit: number): Promise<T[]> {
  const entries: T[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const query: string = `${path.includes('?') ? '&' : '?'}limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}`;
    const { body }: Answer<PageBody<T>> = await api.expect<PageBody<T>>(200, 'GET', `${path}${query}`);
    assert(body.data.length <= limit);
    entries.push(...body.data);
    cursor = body.nextCursor;
  }
  return entries;
}
