/** The kanban's lanes: which column makes them, which items are in which, what a drop means. Pure. */
import type { ItemPatch, ItemPlace } from '@sunday/client';
import { groupColor, groupKey, hasLabels, labelsOf, paint, UNGROUPED } from '../board/model.ts';
import type { ColumnView, GroupView, ItemView } from '../board/model.ts';

export const BY_GROUP = '@group';
export const NO_LABEL = '@none';

export interface Lane {
  id: string;
  title: string;
  color: string;
  items: readonly ItemView[];
}

export type LaneSource = { kind: 'group' } | { kind: 'label'; column: ColumnView };

export function laneSource(wanted: string | null, columns: readonly ColumnView[]): LaneSource {
  if (wanted === BY_GROUP) return { kind: 'group' };
  const labelled = columns.filter((column) => hasLabels(column.type));
  const column = labelled.find((each) => each.id === wanted) ?? labelled.find((each) => each.type === 'status') ?? labelled[0];
  return column ? { kind: 'label', column } : { kind: 'group' };
}

export function lanesOf(source: LaneSource, items: readonly ItemView[], groups: readonly GroupView[]): Lane[] {
  const inside = new Map<string, ItemView[]>();
  const put = (key: string, item: ItemView) => {
    const list = inside.get(key);
    if (list) list.push(item);
    else inside.set(key, [item]);
  };
  if (source.kind === 'group') {
    for (const item of items) put(groupKey(item.groupId), item);
    const lanes = groups.map((group) => ({ id: group.id as string, title: group.title, color: groupColor(group), items: inside.get(group.id) ?? [] }));
    const loose = inside.get(UNGROUPED);
    return loose || lanes.length === 0 ? [...lanes, { id: UNGROUPED, title: 'Ungrouped', color: groupColor(null), items: loose ?? [] }] : lanes;
  }
  const { column } = source;
  const labels = labelsOf(column);
  const known = new Set(labels.map((label) => label.id));
  for (const item of items) {
    const value = item.values[column.id];
    const labelId = typeof value === 'object' && 'labelId' in value ? value.labelId : null;
    put(labelId !== null && known.has(labelId) ? labelId : NO_LABEL, item);
  }
  const lanes = labels.map((label) => ({ id: label.id, title: label.title, color: paint(label.color, label.id), items: inside.get(label.id) ?? [] }));
  const none = inside.get(NO_LABEL) ?? [];
  return [{ id: NO_LABEL, title: `No ${column.title.toLowerCase()}`, color: groupColor(null), items: none }, ...lanes];
}

/** The write that puts an item into a lane. */
export function lanePatch(source: LaneSource, laneId: string): ItemPatch {
  if (source.kind === 'group') return {};
  return { values: { [source.column.id]: laneId === NO_LABEL ? null : { labelId: laneId } } };
}

/**
 * Where the item stands afterwards. Lanes by label hold items of many groups, and a status is no reason to change the group: the item
 * goes beside the nearest card of its own group in that lane, and stays where it is if there is none.
 */
export function lanePlace(source: LaneSource, lane: Lane, index: number, item: ItemView): ItemPlace | null {
  const cards = lane.items.filter((card) => card.id !== item.id);
  if (source.kind === 'group') {
    const groupId = lane.id === UNGROUPED ? null : lane.id;
    const after = cards[index - 1];
    const before = cards[index];
    const beside = before ? { before: before.id } : after ? { after: after.id } : {};
    return { groupId, ...beside } as ItemPlace;
  }
  for (let near = 0; near < cards.length; near++) {
    const below = cards[index + near];
    if (below && below.groupId === item.groupId) return { groupId: item.groupId, before: below.id };
    const above = cards[index - 1 - near];
    if (above && above.groupId === item.groupId) return { groupId: item.groupId, after: above.id };
  }
  return null;
}
