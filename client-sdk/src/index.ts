/** @sunday/client: live boards in the browser. Start at `createClient`. */
export { createClient } from './client.ts';
export { ClientError } from './errors.ts';
export { asColumnId, asCommentId, asGroupId, asItemId, BoardModelError, newId } from '@sunday/board-model';
export { deleteOfflineCopies } from './store.ts';
export type * from './types.ts';
