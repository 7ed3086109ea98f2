/**
 * Dragging rows: where a drop lands, how arrow keys step between rows, what is announced. Pure but for dnd-kit's types.
 * A drop is always "before or after this row"; group headings and the "add" rows stand for the ends of their group.
 */
import { closestCenter, pointerWithin } from '@dnd-kit/core';
import type { Announcements, CollisionDetection, DragMoveEvent, KeyboardCoordinateGetter } from '@dnd-kit/core';
import type { ItemPlace } from '@sunday/client';
import type { Row } from '../board/query.ts';

export interface Drop {
  key: string;
  side: 'before' | 'after';
}

/** The pointer's own row if it is over one, else (keyboard, or beside the rows) the nearest. */
export const nearestRow: CollisionDetection = (args) => {
  const under = args.pointerCoordinates ? pointerWithin(args) : [];
  return under.length > 0 ? under : closestCenter(args);
};

const NUDGE = 2; // px off a row's centre: says which side of it an arrow key meant

export const stepByRow: KeyboardCoordinateGetter = (event, { currentCoordinates, context }) => {
  const down = event.code === 'ArrowDown';
  if (!down && event.code !== 'ArrowUp') return undefined;
  event.preventDefault();
  const { collisionRect, droppableRects } = context;
  if (!collisionRect) return undefined;
  const middle = collisionRect.top + collisionRect.height / 2;
  let best: number | null = null;
  for (const rect of droppableRects.values()) {
    const center = rect.top + rect.height / 2;
    const ahead = down ? center > middle + 1 : center < middle - 1;
    if (ahead && (best === null || (down ? center < best : center > best))) best = center;
  }
  if (best === null) return undefined;
  return { x: currentCoordinates.x, y: currentCoordinates.y + (best - middle) + (down ? NUDGE : -NUDGE) };
};

export function dropOf({ active, over }: Pick<DragMoveEvent, 'active' | 'over'>): Drop | null {
  const rect = active.rect.current.translated;
  if (!over || !rect) return null;
  const above = rect.top + rect.height / 2 < over.rect.top + over.rect.height / 2;
  return { key: String(over.id), side: above ? 'before' : 'after' };
}

/** The board model's words for a drop; null when it changes nothing or makes no sense. */
export function placeOf(rows: readonly Row[], drop: Drop, movingId: string): ItemPlace | null {
  const at = rows.findIndex((row) => row.key === drop.key);
  const row = rows[at];
  if (!row) return null;
  const groupId = row.group?.id ?? null;
  switch (row.kind) {
    case 'item': {
      if (row.itemId === movingId) return null;
      const neighbour = drop.side === 'before' ? rows[at - 1] : rows[at + 1];
      if (neighbour?.kind === 'item' && neighbour.itemId === movingId && neighbour.group === row.group) return null;
      return { groupId, [drop.side]: row.itemId };
    }
    case 'add': {
      const last = row.items.at(-1);
      if (last?.id === movingId) return null;
      return { groupId };
    }
    case 'group': {
      const before = rows[at - 1];
      if (drop.side === 'before' && before) return { groupId: before.group?.id ?? null };
      const first = row.items[0];
      if (first?.id === movingId) return null;
      return first ? { groupId, before: first.id } : { groupId };
    }
  }
}

export function announce(rows: () => readonly Row[], nameOfItem: (id: string) => string): Announcements {
  const where = (key: string | undefined): string => {
    const row = rows().find((each) => each.key === key);
    if (!row) return 'nowhere';
    if (row.kind === 'item') return `beside ${nameOfItem(row.itemId)}`;
    return row.kind === 'group' ? `at the top of ${row.group?.title ?? 'Ungrouped'}` : `at the end of ${row.group?.title ?? 'Ungrouped'}`;
  };
  return {
    onDragStart: ({ active }) => `Picked up ${nameOfItem(String(active.id))}. Arrow keys move it, Space drops it, Escape cancels.`,
    onDragOver: ({ over }) => (over ? `Now ${where(String(over.id))}.` : 'Not over a row.'),
    onDragEnd: ({ active, over }) => `${nameOfItem(String(active.id))} was dropped ${where(over ? String(over.id) : undefined)}.`,
    onDragCancel: ({ active }) => `${nameOfItem(String(active.id))} stays where it was.`,
  };
}
