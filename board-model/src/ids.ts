/**
 * Branded ids. Item, column, group and comment ids are made by clients (`newId`); an id is 1–64 of `[A-Za-z0-9_-]` and no
 * name that every JavaScript object already has (`constructor`, `__proto__`, …), so that records keyed by id are plain
 * objects that can be looked up without surprises. User ids come from tokens: any non-empty string up to 255 characters.
 */
import { BoardModelError } from './errors.ts';

declare const brand: unique symbol;
type Id<Name extends string> = string & { readonly [brand]: Name };

export type BoardId = Id<'BoardId'>;
export type ItemId = Id<'ItemId'>;
export type ColumnId = Id<'ColumnId'>;
export type GroupId = Id<'GroupId'>;
export type CommentId = Id<'CommentId'>;
export type UserId = Id<'UserId'>;

const ID = /^[A-Za-z0-9_-]{1,64}$/;
const MAX_USER_ID_LENGTH = 255; // characters; what the database column and tokens allow
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Whether `value` may be the id of an item, column, group, comment or label. */
export const isId = (value: unknown): value is string => typeof value === 'string' && ID.test(value) && !(value in Object.prototype);

const parse = (value: unknown, field: string): string => {
  if (isId(value)) return value;
  throw new BoardModelError('invalid_id', `${field} must be 1 to 64 characters of A-Z a-z 0-9 _ -`, field);
};

/** @throws BoardModelError invalid_id */
export const asBoardId = (value: unknown): BoardId => parse(value, 'boardId') as BoardId;
/** @throws BoardModelError invalid_id */
export const asItemId = (value: unknown): ItemId => parse(value, 'itemId') as ItemId;
/** @throws BoardModelError invalid_id */
export const asColumnId = (value: unknown): ColumnId => parse(value, 'columnId') as ColumnId;
/** @throws BoardModelError invalid_id */
export const asGroupId = (value: unknown): GroupId => parse(value, 'groupId') as GroupId;
/** @throws BoardModelError invalid_id */
export const asCommentId = (value: unknown): CommentId => parse(value, 'commentId') as CommentId;
/** @throws BoardModelError invalid_id */
export const asUserId = (value: unknown): UserId => {
  if (isUserId(value)) return value as UserId;
  throw new BoardModelError('invalid_id', 'userId must be 1 to 255 characters', 'userId');
};

/** Whether `value` may be a user id, or an element of a person, tags, relation or files cell. */
export const isUserId = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= MAX_USER_ID_LENGTH && !value.includes('\0') && value.isWellFormed();

/**
 * A random id. 12 characters of 62 (71 bits): on one board no two of a million items collide in practice, and short keys
 * matter, because Yjs keeps every one of them.
 */
export const newId = (length = 12): string => {
  let id = '';
  while (id.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(length * 2))) {
      // 248 = 4 × 62: larger bytes would favour the first characters
      if (byte < 248 && id.length < length) id += ALPHABET[byte % 62];
    }
  }
  return id;
};
