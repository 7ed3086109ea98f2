/** One card: its name and the few cells worth a glance. */
import { useDraggable, useDroppable } from '@dnd-kit/core';
import { useItem } from '@sunday/client/react';
import { memo, useCallback } from 'react';
import { useColumnList, useScope, useView } from '../board/context.ts';
import { nameOf } from '../board/model.ts';
import type { ColumnView, ItemView } from '../board/model.ts';
import { usePeersOn } from '../board/presence.ts';
import { CellView } from '../cells/CellView.tsx';
import { CardConflicts } from '../conflicts/CardConflicts.tsx';
import { useSelected } from '../ui/store.ts';
import type { Store } from '../ui/store.ts';
import { cardKey } from './card-drag.ts';
import { tintOf } from '../ui/Avatar.tsx';

export interface CardDropMark {
  key: string;
  side: 'before' | 'after';
}

interface CardProps {
  itemId: string;
  laneId: string;
  laneColumn: string | null;
  drop: Store<CardDropMark | null>;
}

export const Card = memo(function Card({ itemId, laneId, laneColumn, drop }: CardProps) {
  const { board, canWrite, openItem } = useScope();
  const item = useItem(board, itemId);
  const peers = usePeersOn(itemId);
  const { setNodeRef: setDrop } = useDroppable({ id: cardKey(itemId), data: { lane: laneId } });
  const { setNodeRef, listeners, attributes, isDragging } = useDraggable({ id: itemId, disabled: !canWrite });
  const side = useSelected(drop, (at) => (at?.key === cardKey(itemId) ? at.side : null));
  const ref = useCallback(
    (node: HTMLElement | null) => {
      setDrop(node);
      setNodeRef(node);
    },
    [setDrop, setNodeRef],
  );
  if (!item) return null;
  const peer = peers[0];
  return (
    <article
      ref={ref}
      {...attributes}
      {...listeners}
      role="button"
      aria-roledescription="card"
      aria-label={nameOf(item)}
      data-card={itemId}
      className={`card ${isDragging ? 'is-dragging' : ''} ${side ? `drop-${side}` : ''} ${peer ? 'has-peer' : ''}`}
      style={peer ? { '--c': tintOf(peer.user.id) } : undefined}
      onClick={() => openItem(itemId)}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && event.target === event.currentTarget) {
          event.preventDefault(); // the panel has the focus before the key is up
          openItem(itemId);
        } else listeners?.['onKeyDown']?.(event);
      }}
    >
      <CardFace item={item} laneColumn={laneColumn} />
      <CardConflicts itemId={itemId} />
      {peer && <span className="card-peer">{peer.user.name}</span>}
    </article>
  );
});

const CHIP_TYPES = new Set(['status', 'dropdown', 'tags']);
const FOOT_TYPES = new Set(['person', 'date', 'timeline', 'rating', 'counter', 'number', 'checkbox', 'long_text']);
const MAX_FOOT = 3; // cells a card's foot has room for

export const CardFace = memo(function CardFace({ item, laneColumn }: { item: ItemView; laneColumn: string | null }) {
  const all = useColumnList();
  const { hidden } = useView();
  const columns = all.filter((column) => !hidden.includes(column.id));
  const filled = (column: ColumnView) => column.id !== laneColumn && item.values[column.id] !== undefined && item.values[column.id] !== false;
  const chips = columns.filter((column) => CHIP_TYPES.has(column.type) && filled(column));
  const foot = columns.filter((column) => FOOT_TYPES.has(column.type) && filled(column));
  const people = foot.filter((column) => column.type === 'person');
  const facts = foot.filter((column) => column.type !== 'person').slice(0, MAX_FOOT);
  return (
    <>
      <span className="card-name" dir="auto">
        {nameOf(item)}
      </span>
      {chips.length > 0 && (
        <span className="card-chips">
          {chips.map((column) => (
            <CellView key={column.id} column={column} value={item.values[column.id]} compact />
          ))}
        </span>
      )}
      {(facts.length > 0 || people.length > 0) && (
        <span className="card-foot">
          {facts.map((column) => (
            <span key={column.id} className="card-fact" title={column.title}>
              <CellView column={column} value={item.values[column.id]} compact />
            </span>
          ))}
          <span className="grow" />
          {people.map((column) => (
            <CellView key={column.id} column={column} value={item.values[column.id]} compact />
          ))}
        </span>
      )}
    </>
  );
});
