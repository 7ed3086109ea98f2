/**
 * Errors as RFC 9457 `application/problem+json`, for everything the HTTP port answers.
 *
 * Guarantees: every failure has a `code` of the registry, a `requestId` that is also in the log, and says nothing of the server's inside;
 * a 5xx is logged with its cause, a 4xx only at debug; a retryable answer carries Retry-After.
 */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { ERRORS, SundayError, toSundayError, type ErrorCode } from '../errors.ts';

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

export type Problem = {
  type: string;
  title: string;
  status: number;
  code: ErrorCode;
  detail: string;
  instance: string;
  requestId: string;
  field?: string;
  errors?: { field: string; message: string }[];
  [extra: string]: unknown;
};

export function problemOf(error: SundayError, request: FastifyRequest): Problem {
  return {
    ...error.extra,
    type: `/docs/errors#${error.code}`,
    title: ERRORS[error.code].title,
    status: error.status,
    code: error.code,
    detail: error.message,
    instance: pathOf(request.url),
    requestId: request.id,
    ...(error.field === undefined ? {} : { field: error.field }),
  };
}

export function sendProblem(reply: FastifyReply, error: SundayError): FastifyReply {
  if (error.retryAfterS !== undefined) void reply.header('retry-after', String(error.retryAfterS));
  if (error.status === 401) void reply.header('www-authenticate', 'Bearer');
  return reply
    .code(error.status)
    .header('cache-control', 'no-store')
    .header('x-request-id', reply.request.id)
    .header('x-content-type-options', 'nosniff')
    .type(PROBLEM_TYPE)
    .serializer(JSON.stringify)
    .send(problemOf(error, reply.request));
}

export function installProblems(app: FastifyInstance): void {
  app.setErrorHandler((thrown: FastifyError, request, reply) => {
    const error = fromFastify(thrown, request) ?? toSundayError(thrown);
    if (error.status >= 500) request.log.error({ err: error.cause ?? error, code: error.code }, 'request failed');
    else request.log.debug({ code: error.code, detail: error.message }, 'request refused');
    return sendProblem(reply, error);
  });
}

/** What Fastify itself refuses before a handler runs. */
function fromFastify(thrown: FastifyError, request: FastifyRequest): SundayError | undefined {
  if (hasZodFastifySchemaValidationErrors(thrown)) {
    const where = thrown.validationContext ?? 'request';
    const errors = thrown.validation.map((issue) => ({
      field: issue.instancePath.replace(/^\//, '').replaceAll('/', '.'),
      message: issue.message ?? 'is not valid',
    }));
    const first = errors[0];
    const badId = where === 'params' && first !== undefined;
    if (badId) return new SundayError('not_found', 'There is nothing at this address');
    const detail = first === undefined ? ERRORS.validation_failed.title : `${where}${first.field === '' ? '' : `.${first.field}`}: ${first.message}`;
    return new SundayError('validation_failed', detail, { ...(first?.field ? { field: first.field } : {}), extra: { errors } });
  }
  switch (thrown.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new SundayError('payload_too_large');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new SundayError(
        'unsupported_media_type',
        `This route does not read ${shown(request.headers['content-type'] ?? 'a body without content type')}`,
      );
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new SundayError('invalid_json', thrown.message);
    case 'FST_ERR_MAX_PARAM_LENGTH':
    case 'FST_ERR_NOT_FOUND':
    case 'FST_ERR_BAD_URL':
      return new SundayError('not_found', 'There is nothing at this address');
    default:
      break;
  }
  if (thrown instanceof SyntaxError && thrown.statusCode === 400) return new SundayError('invalid_json', 'The body is not valid JSON');
  if (thrown.statusCode !== undefined && thrown.statusCode >= 400 && thrown.statusCode < 500) {
    return new SundayError(thrown.statusCode === 404 ? 'not_found' : 'validation_failed', thrown.message, { cause: thrown });
  }
  return undefined;
}

/** The path without its query: a query may hold a token, and is never logged or shown. */
export const pathOf = (url: string): string => url.split('?', 1)[0]?.slice(0, 512) ?? '/';

const shown = (text: string): string => text.slice(0, 80);
