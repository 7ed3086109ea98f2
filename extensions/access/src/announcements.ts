/** What is said on the channel `sunday_access`, in the transaction of the change it tells of. */
export const ACCESS_CHANNEL = 'sunday_access';

export type Announcement =
  | { readonly kind: 'role'; readonly boardId: string; readonly userId: string }
  /** `before`: milliseconds since 1970 */
  | { readonly kind: 'revoked'; readonly userId: string; readonly before: number }
  | { readonly kind: 'board_deleted'; readonly boardId: string };

/** `null`: not one this version knows. */
export function readAnnouncement(payload: string): Announcement | null {
  let message: unknown;
  try {
    message = JSON.parse(payload);
  } catch {
    return null;
  }
  if (typeof message !== 'object' || message === null) return null;
  const { kind, boardId, userId, before } = message as Partial<Record<string, unknown>>;
  if (kind === 'role' && typeof boardId === 'string' && typeof userId === 'string') return { kind, boardId, userId };
  if (kind === 'revoked' && typeof userId === 'string' && typeof before === 'number') return { kind, userId, before };
  if (kind === 'board_deleted' && typeof boardId === 'string') return { kind, boardId };
  return null;
}
