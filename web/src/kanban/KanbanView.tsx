/** The board as lanes of cards, by any status or dropdown column or by group. Each lane is virtual; cards move by mouse and by keyboard. */
import { DndContext, DragOverlay, KeyboardSensor, MeasuringStrategy, MouseSensor, TouchSensor, useDroppable, useSensor, useSensors } from '@dnd-kit/core';
import type { DragEndEvent, DragMoveEvent } from '@dnd-kit/core';
import { useVirtualizer } from '@tanstack/react-virtual';
import { Plus } from 'lucide-react';
import { memo, useCallback, useMemo, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import { attempt, useColumnList, useGroupList, useScope, useView } from '../board/context.ts';
import { useLooksAt } from '../board/looking.ts';
import { countItems, nameOf, UNGROUPED } from '../board/model.ts';
import type { ItemView } from '../board/model.ts';
import { createStore } from '../ui/store.ts';
import type { Store } from '../ui/store.ts';
import { Card, CardFace } from './Card.tsx';
import type { CardDropMark } from './Card.tsx';
import { announceCards, cardKey, laneKey, nearestCard, stepByCard } from './card-drag.ts';
import { lanePatch, lanePlace, laneSource, lanesOf } from './lanes.ts';
import type { Lane, LaneSource } from './lanes.ts';

const CARD_GUESS = 92; // px: a card with one line of chips; measured once it is mounted
const CARD_GAP = 8;
const TOUCH_DELAY_MS = 220; // a press, not a scroll

const kanban = () => ['kanban'];

export function KanbanView({ items }: { items: readonly ItemView[] }) {
  const { board } = useScope();
  const { lanes: wanted } = useView();
  const columns = useColumnList();
  const groups = useGroupList();
  const source = useMemo(() => laneSource(wanted, columns), [wanted, columns]);
  const lanes = useMemo(() => lanesOf(source, items, groups), [source, items, groups]);
  const latest = useRef(lanes);
  latest.current = lanes;
  useLooksAt('view', kanban);
  const [drop] = useState(() => createStore<CardDropMark | null>(null));
  const [overLane] = useState(() => createStore<string | null>(null));
  const [dragged, setDragged] = useState<string | null>(null);
  const sensors = useSensors(
    useSensor(MouseSensor, { activationConstraint: { distance: 5 } }),
    useSensor(TouchSensor, { activationConstraint: { delay: TOUCH_DELAY_MS, tolerance: 8 } }),
    useSensor(KeyboardSensor, { coordinateGetter: stepByCard, keyboardCodes: { start: ['Space'], cancel: ['Escape'], end: ['Space', 'Enter'] } }),
  );
  const announcements = useMemo(
    () =>
      announceCards(
        () => latest.current,
        (id) => nameOf(board.items.get(id) ?? { name: '' }),
      ),
    [board],
  );

  const onDragMove = ({ active, over }: DragMoveEvent) => {
    const rect = active.rect.current.translated;
    const id = over ? String(over.id) : '';
    const lane: unknown = id.startsWith('lane:') ? id.slice('lane:'.length) : over?.data.current?.['lane'];
    overLane.set(typeof lane === 'string' ? lane : null);
    if (!over || !rect || !id.startsWith('card:')) return drop.set(null);
    const side = rect.top + rect.height / 2 < over.rect.top + over.rect.height / 2 ? 'before' : 'after';
    const now = drop.get();
    if (now?.key !== id || now.side !== side) drop.set({ key: id, side });
  };
  const finish = () => {
    drop.set(null);
    overLane.set(null);
    setDragged(null);
  };
  const onDragEnd = ({ active }: DragEndEvent) => {
    const laneId = overLane.get();
    const mark = drop.get();
    finish();
    const lane = latest.current.find((each) => each.id === laneId);
    const item = board.items.get(String(active.id));
    if (!lane || !item || mark?.key === cardKey(item.id)) return;
    const cards = lane.items.filter((card) => card.id !== item.id);
    const at = mark ? cards.findIndex((card) => cardKey(card.id) === mark.key) : -1;
    const index = at < 0 ? cards.length : mark?.side === 'after' ? at + 1 : at;
    const place = lanePlace(source, lane, index, item);
    attempt(() =>
      board.batch(() => {
        const patch = lanePatch(source, lane.id);
        if (patch.values && !lane.items.some((card) => card.id === item.id)) board.items.update(item.id, patch);
        if (place) board.items.move(item.id, place);
      }),
    );
  };
  const moving = dragged === null ? undefined : board.items.get(dragged);
  const laneColumn = source.kind === 'label' ? source.column.id : null;
  return (
    <DndContext
      sensors={sensors}
      collisionDetection={nearestCard}
      measuring={{ droppable: { strategy: MeasuringStrategy.Always } }}
      accessibility={{ announcements }}
      onDragStart={({ active }) => setDragged(String(active.id))}
      onDragMove={onDragMove}
      onDragOver={onDragMove}
      onDragEnd={onDragEnd}
      onDragCancel={finish}
    >
      <div className="kanban">
        {lanes.map((lane) => (
          <LaneView key={lane.id} lane={lane} source={source} drop={drop} overLane={overLane} />
        ))}
      </div>
      <DragOverlay dropAnimation={null}>
        {moving && (
          <div className="card is-overlay">
            <CardFace item={moving} laneColumn={laneColumn} />
          </div>
        )}
      </DragOverlay>
    </DndContext>
  );
}

interface LaneProps {
  lane: Lane;
  source: LaneSource;
  drop: Store<CardDropMark | null>;
  overLane: Store<string | null>;
}

const LaneView = memo(function LaneView({ lane, source, drop, overLane }: LaneProps) {
  const { canWrite } = useScope();
  const { setNodeRef } = useDroppable({ id: laneKey(lane.id) });
  const scroller = useRef<HTMLDivElement>(null);
  const { items } = lane;
  const keyOf = useCallback((index: number) => items[index]?.id ?? index, [items]);
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => CARD_GUESS,
    getItemKey: keyOf,
    gap: CARD_GAP,
    overscan: 6,
  });
  const laneColumn = source.kind === 'label' ? source.column.id : null;
  return (
    <LaneFrame laneId={lane.id} overLane={overLane} setNodeRef={setNodeRef} title={lane.title} color={lane.color} count={items.length}>
      <div ref={scroller} className="lane-scroll">
        <div className="lane-cards" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map(({ index, start, key }) => {
            const item = items[index];
            return item ? (
              <div key={key} ref={virtual.measureElement} data-index={index} className="lane-slot" style={{ top: start }}>
                <Card itemId={item.id} laneId={lane.id} laneColumn={laneColumn} drop={drop} />
              </div>
            ) : null;
          })}
        </div>
        {items.length === 0 && <p className="lane-empty">Nothing here</p>}
      </div>
      {canWrite && <AddCard lane={lane} source={source} />}
    </LaneFrame>
  );
});

interface LaneFrameProps {
  laneId: string;
  overLane: Store<string | null>;
  setNodeRef: (node: HTMLElement | null) => void;
  title: string;
  color: string;
  count: number;
  children: ReactNode;
}

function LaneFrame({ laneId, overLane, setNodeRef, title, color, count, children }: LaneFrameProps) {
  const [over, setOver] = useState(false);
  const stop = useRef<(() => void) | null>(null);
  const ref = useCallback(
    (node: HTMLElement | null) => {
      setNodeRef(node);
      stop.current?.();
      stop.current = node ? overLane.subscribe(() => setOver(overLane.get() === laneId)) : null;
    },
    [setNodeRef, overLane, laneId],
  );
  return (
    <section ref={ref} className={`lane ${over ? 'is-over' : ''}`} aria-label={`${title}, ${countItems(count)}`} data-lane={laneId} style={{ '--c': color }}>
      <header className="lane-head">
        <span className="lane-dot" aria-hidden />
        <h2 className="truncate">{title}</h2>
        <span className="lane-count">{count}</span>
      </header>
      {children}
    </section>
  );
}

function AddCard({ lane, source }: { lane: Lane; source: LaneSource }) {
  const { board } = useScope();
  const [text, setText] = useState<string | null>(null);
  const add = () => {
    const name = text?.trim();
    if (!name) return;
    const patch = lanePatch(source, lane.id);
    const groupId = source.kind === 'group' ? (lane.id === UNGROUPED ? null : lane.id) : undefined;
    attempt(() =>
      board.items.create({ name, ...(patch.values ? { values: patch.values } : {}), ...(groupId === undefined ? {} : { groupId }) } as Parameters<
        typeof board.items.create
      >[0]),
    );
    setText('');
  };
  if (text === null) {
    return (
      <button type="button" className="btn btn-ghost lane-add" onClick={() => setText('')}>
        <Plus aria-hidden /> Add card
      </button>
    );
  }
  return (
    <input
      className="input lane-input"
      aria-label={`New card in ${lane.title}`}
      placeholder="What is it?"
      autoFocus
      value={text}
      onChange={(event) => setText(event.target.value)}
      onKeyDown={(event) => {
        event.stopPropagation();
        if (event.nativeEvent.isComposing) return;
        if (event.key === 'Enter') add();
        if (event.key === 'Escape') setText(null);
      }}
      onBlur={() => {
        add();
        setText(null);
      }}
    />
  );
}
