/** Dragging cards: collisions between lanes and cards, arrow keys across lanes, announcements. */
import { closestCenter, closestCorners, pointerWithin } from '@dnd-kit/core';
import type { Announcements, CollisionDetection, KeyboardCoordinateGetter } from '@dnd-kit/core';
import { nameOf } from '../board/model.ts';
import type { Lane } from './lanes.ts';

export const laneKey = (laneId: string): string => `lane:${laneId}`;
export const cardKey = (itemId: string): string => `card:${itemId}`;

export interface CardDrop {
  laneId: string;
  /** Among the lane's cards without the dragged one. */
  index: number;
}

/** Cards first, so that a drop has a place; the lane itself where it is empty or the pointer is below its cards. */
export const nearestCard: CollisionDetection = (args) => {
  const under = args.pointerCoordinates ? pointerWithin(args) : [];
  const lane =
    under.find(({ id }) => String(id).startsWith('lane:')) ??
    (args.pointerCoordinates
      ? undefined
      : closestCenter({ ...args, droppableContainers: args.droppableContainers.filter(({ id }) => String(id).startsWith('lane:')) })[0]);
  if (!lane) return closestCorners(args);
  const laneId = String(lane.id).slice('lane:'.length);
  const cards = args.droppableContainers.filter(({ data, id }) => String(id).startsWith('card:') && data.current?.['lane'] === laneId);
  const near = cards.length > 0 ? closestCenter({ ...args, droppableContainers: cards }) : [];
  return near.length > 0 ? near : [lane];
};

/** Up and down: the next card of the lane; left and right: the next lane, at about the same height. */
export const stepByCard: KeyboardCoordinateGetter = (event, { currentCoordinates, context }) => {
  const { collisionRect, droppableRects, droppableContainers } = context;
  if (!collisionRect || !event.code.startsWith('Arrow')) return undefined;
  event.preventDefault();
  const x = collisionRect.left + collisionRect.width / 2;
  const y = collisionRect.top + collisionRect.height / 2;
  const sideways = event.code === 'ArrowLeft' || event.code === 'ArrowRight';
  let best: { dx: number; dy: number; cost: number } | null = null;
  for (const container of droppableContainers.getEnabled()) {
    const isLane = String(container.id).startsWith('lane:');
    const rect = droppableRects.get(container.id);
    if (!rect || isLane !== sideways) continue;
    const dx = rect.left + rect.width / 2 - x;
    const dy = isLane ? 0 : rect.top + rect.height / 2 - y;
    const ahead = { ArrowLeft: dx < -20, ArrowRight: dx > 20, ArrowUp: dy < -8 && Math.abs(dx) < 40, ArrowDown: dy > 8 && Math.abs(dx) < 40 }[event.code];
    const cost = Math.abs(dx) + Math.abs(dy);
    if (ahead && (best === null || cost < best.cost)) best = { dx, dy, cost };
  }
  if (!best) return undefined;
  return { x: currentCoordinates.x + best.dx, y: currentCoordinates.y + best.dy };
};

export function announceCards(lanes: () => readonly Lane[], nameOfItem: (id: string) => string): Announcements {
  const where = (id: string): string => {
    if (id.startsWith('lane:')) return `in ${lanes().find((lane) => laneKey(lane.id) === id)?.title ?? ''}`;
    const itemId = id.slice('card:'.length);
    const lane = lanes().find((each) => each.items.some((item) => item.id === itemId));
    const card = lane?.items.find((item) => item.id === itemId);
    return card ? `in ${lane?.title}, beside ${nameOf(card)}` : '';
  };
  return {
    onDragStart: ({ active }) => `Picked up ${nameOfItem(String(active.id))}. Arrow keys move it, Space drops it, Escape cancels.`,
    onDragOver: ({ over }) => (over ? `Now ${where(String(over.id))}.` : 'Not over a lane.'),
    onDragEnd: ({ active, over }) => `${nameOfItem(String(active.id))} was dropped ${over ? where(String(over.id)) : 'nowhere'}.`,
    onDragCancel: ({ active }) => `${nameOfItem(String(active.id))} stays where it was.`,
  };
}
