/**
 * The description of the REST API: `/openapi.json` (OpenAPI 3.1, made from the zod schemas of the routes), the docs page at `/docs`
 * (Swagger UI from this server's own files: the CSP allows no other host), and the list of error codes at `/docs/errors`.
 *
 * Must be registered before the routes it describes.
 */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod';
import type { OpenAPIV3_1 } from 'openapi-types';
import { ERRORS } from '../errors.ts';

const TAGS = [
  ['boards', 'Boards: create, read, change, delete, duplicate'],
  ['items', 'Items of a board, with filter and sort by column values'],
  ['structure', 'Columns and groups of a board'],
  ['members', 'Who may do what on a board'],
  ['transfer', 'Import and export'],
  ['comments', 'Comments of an item'],
  ['workspaces', 'Workspaces hold boards'],
  ['history', 'Events of a board, and its versions'],
  ['conflicts', 'Writes that were not kept, and their resolution'],
  ['admin', 'Parked events, for administrators'],
  ['presence', 'Who is looking at a board now'],
  ['sessions', 'Sign-in for development; revoking tokens'],
] as const;

const DESCRIPTION = `Live boards over REST. These calls act on the same live documents as the sockets.

- **A 2xx answer to a write means it is committed** to the database. While the database is away, writes answer 503 before anything is applied.
- Errors are RFC 9457 problem documents with a stable \`code\`; [all codes](/docs/errors).
- Lists answer \`{data, nextCursor}\` and take \`limit\` and \`cursor\`. Cursors are opaque; a cursor belongs to one list with one filter and sort.
- Writes take \`Idempotency-Key\`: the same key with the same request answers the first response again; with another request, \`idempotency_conflict\`.
- Items and boards carry \`ETag\`; writes to them honour \`If-Match\` (412 \`precondition_failed\`). A board's ETag covers its own fields, columns and groups, not its cells.`;

const zodToJsonConfig = { unrepresentable: 'any' } as const;
const namedSchemas = createJsonSchemaTransformObject({ zodToJsonConfig });

export async function installDocs(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Sunday', version: '1.0.0', description: DESCRIPTION, license: { name: 'MIT', identifier: 'MIT' } },
      servers: [{ url: '/', description: 'This server' }],
      tags: TAGS.map(([name, description]) => ({ name, description })),
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
      security: [{ token: [] }],
    },
    transform: createJsonSchemaTransform({ zodToJsonConfig }),
    transformObject: (input) => tidy(namedSchemas(input) as OpenAPIV3_1.Document),
  });
  app.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) => {
    return reply.header('cache-control', 'no-cache').type('application/json; charset=utf-8').serializer(JSON.stringify).send(app.swagger());
  });
  const page = errorsPage();
  app.get('/docs/errors', { schema: { hide: true } }, (_request, reply) => reply.type('text/html; charset=utf-8').send(page));
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: false,
    // no bar with the logo of somebody else's framework
    theme: { title: 'Sunday API', css: [{ filename: 'sunday.css', content: '.swagger-ui .topbar { display: none }' }] },
    uiConfig: { docExpansion: 'list', deepLinking: true, persistAuthorization: false, tryItOutEnabled: false },
  });
}

/** Says how a nested filter is written, and leaves out the request variants of schemas that only answers use. */
function tidy(document: OpenAPIV3_1.Document): OpenAPIV3_1.Document {
  const parameters = Object.values(document.paths ?? {}).flatMap((path) => path?.get?.parameters ?? []);
  for (const parameter of parameters) {
    if ('name' in parameter && parameter.name === 'filter') Object.assign(parameter, { style: 'deepObject', explode: true });
  }
  const text = JSON.stringify(document);
  const schemas = Object.entries(document.components?.schemas ?? {}).filter(([name]) => text.includes(`"#/components/schemas/${name}"`));
  return { ...document, components: { ...document.components, schemas: Object.fromEntries(schemas) } };
}

function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, entry]) =>
      `<tr id="${code}"><td><code>${code}</code></td><td>${entry.status}</td><td>${entry.closeCode}</td><td>${entry.retryable ? 'yes' : 'no'}</td><td>${entry.title}</td></tr>`,
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sunday: error codes</title>
<h1>Error codes</h1><p>Codes are stable: programs may depend on them. <a href="/docs">API</a></p>
<table><thead><tr><th>Code</th><th>HTTP status</th><th>Close code</th><th>Worth retrying</th><th>Meaning</th></tr></thead><tbody>
${rows.join('\n')}
</tbody></table></html>`;
}
