/** Import of a file into a new board, with progress for those who ask, and export. */
import { PassThrough } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod, ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { EXPORT_FORMATS, type ImportInput, type ImportProgress } from '../../boards/transfer.ts';
import { SundayError, toSundayError } from '../../errors.ts';
import { problemOf } from '../../http/problem.ts';
import { actorOf, ERROR_RESPONSES, sendTagged, writeOptionsOf, type RestDependencies } from './context.ts';
import { boardParams, flagQuery, imported, writeHeaders } from './schemas.ts';

const tags = ['transfer'];

const importQuery = z.object({
  name: z.string().min(1).max(255).optional().describe('Name of the board; default: that of the export, or "Imported board"'),
  workspaceId: z.string().optional(),
});
const exportQuery = z.object({
  format: z.enum(EXPORT_FORMATS).default('json'),
  escapeFormulas: flagQuery.describe('csv: put an apostrophe before cells that a spreadsheet would run as a formula. Such an export no longer equals what was imported'),
});

const PROGRESS_TYPES = ['application/x-ndjson', 'text/event-stream'] as const;
type ProgressType = (typeof PROGRESS_TYPES)[number];

export const transferRoutes: FastifyPluginAsyncZod<RestDependencies> = async (app, { boards, config }) => {
  await app.register(async (files) => {
    // only here: JSON stays bytes, because a whole export is parsed in the import's own thread
    files.removeAllContentTypeParsers();
    files.addContentTypeParser(['text/csv', 'application/json'], { parseAs: 'buffer', bodyLimit: config.limits.maxImportBytes }, (_request, body, done) => done(null, body));

    files.withTypeProvider<ZodTypeProvider>().post('/boards/import', {
      bodyLimit: config.limits.maxImportBytes,
      schema: {
        tags, summary: 'Import a CSV or a Sunday export as a new board', querystring: importQuery, body: z.unknown().describe('The file'), headers: writeHeaders,
        consumes: ['text/csv', 'application/json'],
        description: 'CSV: UTF-8, the first row names the columns. With `Accept: application/x-ndjson` or `text/event-stream` the answer (200) is a stream of `{stage, done, total}`, and last `{board, itemCount}` or `{error}`.',
        response: { 201: imported, ...ERROR_RESPONSES },
      },
    }, async (request, reply) => {
      const input = importInputOf(request, request.query);
      const type = PROGRESS_TYPES.find((wanted) => request.headers.accept?.includes(wanted));
      const options = writeOptionsOf(request);
      if (type !== undefined) return streamImport(reply, type, (onProgress) => boards.importBoard(actorOf(request), input, { ...options, onProgress }));
      const { board, etag, itemCount } = await boards.importBoard(actorOf(request), input, options);
      return sendTagged(reply.code(201).header('location', `/v1/boards/${board.id}`), etag, { ...board, itemCount });
    });
  });

  app.get('/boards/:boardId/export', {
    schema: {
      tags, summary: 'Export a board', params: boardParams, querystring: exportQuery,
      description: 'json: everything, to import again. csv: one row an item. yjs: the document as one Yjs update.',
      produces: ['application/json', 'text/csv', 'application/octet-stream'],
      response: { 200: z.unknown().describe('The file'), ...ERROR_RESPONSES },
    },
  }, async (request, reply) => {
    const { format, escapeFormulas } = request.query;
    const file = await boards.exportBoard(actorOf(request), request.params.boardId, format, { escapeFormulas });
    return reply
      .type(file.contentType)
      .header('content-disposition', `attachment; filename*=UTF-8''${encodeURIComponent(file.name).replaceAll(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16)}`)}`)
      .header('cache-control', 'private, no-cache')
      .serializer((body) => body as string)
      .send(file.body);
  });
};

function importInputOf(request: FastifyRequest, { name, workspaceId }: { name?: string | undefined; workspaceId?: string | undefined }): ImportInput {
  const { body } = request;
  if (!Buffer.isBuffer(body) || body.length === 0) throw new SundayError('validation_failed', 'The body must be the file: text/csv, or a Sunday export as application/json');
  const format = request.headers['content-type']?.startsWith('text/csv') === true ? 'csv' : 'json';
  return { format, bytes: body, name, workspaceId };
}

type Imported = { board: { id: string }; itemCount: number };

/**
 * Lines of progress while the import runs. The head goes out with the first line, so that a file that cannot be read still answers with
 * its error status.
 */
function streamImport(reply: FastifyReply, type: ProgressType, run: (onProgress: (progress: ImportProgress) => void) => Promise<Imported>): Promise<FastifyReply> {
  const stream = new PassThrough();
  const line = (value: object): void => {
    stream.write(type === 'text/event-stream' ? `data: ${JSON.stringify(value)}\n\n` : `${JSON.stringify(value)}\n`);
  };
  let started = false;
  return new Promise((resolve, reject) => {
    const start = (): void => {
      if (started) return;
      started = true;
      void reply.type(type).header('cache-control', 'no-store').header('x-accel-buffering', 'no');
      resolve(reply.send(stream));
    };
    run((progress) => {
      start();
      line(progress);
    }).then(
      ({ board, itemCount }) => {
        start();
        line({ stage: 'done', board, itemCount });
        stream.end();
      },
      (thrown: unknown) => {
        if (!started) return reject(thrown instanceof Error ? thrown : new Error('the import failed', { cause: thrown }));
        const error = toSundayError(thrown);
        if (error.status >= 500) reply.log.error({ err: error.cause ?? error }, 'import failed');
        line({ stage: 'failed', error: problemOf(error, reply.request) });
        return stream.end();
      },
    );
  });
}
