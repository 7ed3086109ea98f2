/** Events in words, and many alike as one. Pure: the names of things come from whoever asks. */
import type { BoardEvent, Version } from '../api/history.ts';

export type Sort = 'add' | 'edit' | 'move' | 'trash' | 'back' | 'talk' | 'people' | 'shape';

export interface Change {
  label: string;
  before: string;
  after: string;
}

export interface Told {
  key: string;
  at: string;
  userId: string | null;
  sort: Sort;
  /** What was done, in the words that follow the person's name. */
  does: string;
  /** What it was done to, when that is an item. */
  item: { id: string; name: string } | null;
  /** The words after that. */
  tail: string;
  changes: Change[];
  /** How many events this stands for. */
  count: number;
}

export interface Names {
  item(id: string): string;
  group(id: string | null): string;
  column(id: string): string;
  person(id: string): string;
  value(columnId: string, value: unknown): string;
}

/** From so many alike on, in a row and by one person, they are told as one. */
const MANY = 4;
const TOGETHER_MS = 60_000;

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const id = (value: unknown): string | null => (typeof value === 'string' ? value : null);

const MANY_WORDS: Record<string, string> = {
  ItemCreated: 'added', ItemUpdated: 'changed', ItemMoved: 'moved', ItemDeleted: 'deleted', ItemRestored: 'brought back',
};

function cellChanges(changes: unknown, names: Names): Change[] {
  if (!isRecord(changes)) return [];
  return Object.entries(changes).flatMap(([columnId, change]) => {
    if (!isRecord(change)) return [];
    const label = names.column(columnId);
    const typed = change['text'];
    if (isRecord(typed)) {
      const counts = [[typed['inserted'], '+'], [typed['deleted'], '−']].flatMap(([count, sign]) => (typeof count === 'number' && count > 0 ? [`${String(sign)}${count}`] : []));
      return [{ label, before: '', after: `${counts.join(' ')} characters` }];
    }
    return [{ label, before: names.value(columnId, change['before']), after: names.value(columnId, change['after']) }];
  });
}

/** null: told by another event already. */
export function tell(event: BoardEvent, names: Names): Told | null {
  const { data, type } = event;
  const item = event.aggregateType === 'item' ? { id: event.aggregateId, name: names.item(event.aggregateId) } : null;
  const told = (sort: Sort, does: string, tail = '', changes: Change[] = []): Told => ({
    key: event.id, at: event.timestamp, userId: event.metadata.userId, sort, does, item, tail, changes, count: 1,
  });
  const title = text(data['title']);
  switch (type) {
    case 'ItemCreated':
      return told('add', 'added');
    case 'ItemUpdated': {
      const renamed = isRecord(data['name']) ? [{ label: 'Name', before: text(data['name']['before']), after: text(data['name']['after']) }] : [];
      return told('edit', 'changed', '', [...renamed, ...cellChanges(data['changes'], names)]);
    }
    case 'ItemMoved': {
      const lane = id(data['laneColumnId']);
      if (lane !== null) return told('move', 'moved', `to ${names.value(lane, data['toColumn']) || 'no label'}`);
      return data['fromGroup'] === data['toGroup'] ? told('move', 'reordered') : told('move', 'moved', `to ${names.group(id(data['toGroup']))}`);
    }
    case 'ItemAssigned':
      return null; // the change of the cell says it
    case 'ItemDeleted':
      return told('trash', 'deleted');
    case 'ItemRestored':
      return told('back', 'brought back');
    case 'CommentAdded':
      return told('talk', 'commented on', '', [{ label: '', before: '', after: text(data['excerpt']) }]);
    case 'BoardCreated':
      return told('add', 'created the board');
    case 'BoardUpdated':
      return told('shape', 'changed the board', '', Object.entries(isRecord(data['changes']) ? data['changes'] : {}).flatMap(([field, change]) =>
        isRecord(change) ? [{ label: field === 'name' ? 'Name' : 'Description', before: text(change['before']), after: text(change['after']) }] : []));
    case 'BoardMemberAdded':
      return told('people', `invited ${names.person(text(data['userId']))} as ${text(data['role'])}`);
    case 'BoardMemberRemoved':
      return told('people', data['userId'] === event.metadata.userId ? 'left the board' : `removed ${names.person(text(data['userId']))}`);
    case 'BoardMemberRoleChanged':
      return told('people', `made ${names.person(text(data['userId']))} ${text(data['role'])}`);
    case 'ColumnAdded':
      return told('shape', data['restored'] === true ? `brought back the column ${title}` : `added the column ${title}`);
    case 'ColumnUpdated':
      return told('shape', `changed the column ${names.column(text(data['columnId']))}`);
    case 'ColumnRemoved':
      return told('shape', `removed the column ${title}`);
    case 'GroupAdded':
      return told('shape', data['restored'] === true ? `brought back the group ${title}` : `added the group ${title}`);
    case 'GroupUpdated':
      return told('shape', `changed the group ${names.group(id(data['groupId']))}`);
    case 'GroupRemoved':
      return told('shape', `removed the group ${title}`);
    case 'ConflictDetected':
      return told('edit', 'wrote the same cell as somebody else at', names.column(text(data['columnId'])));
    case 'ConflictResolved':
      return told('edit', 'settled who wrote', names.column(text(data['columnId'])));
    default:
      return told('shape', type.replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase());
  }
}

/** Events, the latest first, as a person reads them: a hundred changes of a restore are one line. */
export function tellAll(events: readonly BoardEvent[], names: Names): Told[] {
  const lines: Told[] = [];
  for (let at = 0; at < events.length; ) {
    const first = events[at];
    if (first === undefined) break;
    let end = at + 1;
    for (let last = first, next = events[end]; next !== undefined && alike(last, next); next = events[end]) {
      last = next;
      end++;
    }
    const run = events.slice(at, end);
    const word = MANY_WORDS[first.type];
    const items = new Set(run.map((event) => event.aggregateId)).size;
    if (word !== undefined && items >= MANY) {
      const line = tell(first, names);
      if (line !== null) lines.push({ ...line, does: `${word} ${items} items`, item: null, tail: '', changes: [], count: run.length });
    } else {
      for (const event of run) {
        const line = tell(event, names);
        if (line !== null) lines.push(line);
      }
    }
    at = end;
  }
  return lines;
}

const alike = (later: BoardEvent, earlier: BoardEvent): boolean =>
  later.type === earlier.type && later.metadata.userId === earlier.metadata.userId && Date.parse(later.timestamp) - Date.parse(earlier.timestamp) < TOGETHER_MS;

export const titleOf = (version: Version): string =>
  version.name ?? (version.reason === 'before_restore' ? 'Before a restore' : version.reason === 'hourly' ? 'Automatic' : 'Version');
