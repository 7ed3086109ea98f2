/** The board's types as the app uses them, and small facts about column types that several views share. */
import type { ColumnType, ColumnView, GroupView, ItemView, Label } from '@sunday/board-model';
import {
  ALargeSmall,
  AtSign,
  CalendarClock,
  CalendarDays,
  CalendarRange,
  CircleCheck,
  FileText,
  Hash,
  Link2,
  ListTree,
  MapPin,
  Paperclip,
  Phone,
  Sigma,
  SquareCheck,
  Star,
  Tag,
  ThumbsUp,
  TrendingUp,
  UserRound,
  UserRoundCheck,
  Rows3,
  ChevronDownSquare,
} from 'lucide-react';
import type { LucideIcon } from 'lucide-react';

export type { ColumnType, ColumnValue, ColumnView, CommentView, GroupView, ItemView, Label } from '@sunday/board-model';

export interface TypeFacts {
  name: string;
  hint: string;
  icon: LucideIcon;
  width: number;
  family: 'Essentials' | 'Text and links' | 'Numbers' | 'Advanced' | 'Automatic';
}

export const TYPES: Record<ColumnType, TypeFacts> = {
  status: { name: 'Status', hint: 'Where things stand, in colour', icon: CircleCheck, width: 150, family: 'Essentials' },
  person: { name: 'People', hint: 'Who works on it', icon: UserRound, width: 140, family: 'Essentials' },
  date: { name: 'Date', hint: 'A day, with a time if you like', icon: CalendarDays, width: 168, family: 'Essentials' },
  timeline: { name: 'Timeline', hint: 'From one day to another', icon: CalendarRange, width: 170, family: 'Essentials' },
  text: { name: 'Text', hint: 'A short line', icon: ALargeSmall, width: 200, family: 'Essentials' },
  number: { name: 'Number', hint: 'With a unit and a sum', icon: Hash, width: 120, family: 'Essentials' },
  dropdown: { name: 'Dropdown', hint: 'One of a list', icon: ChevronDownSquare, width: 150, family: 'Essentials' },
  checkbox: { name: 'Checkbox', hint: 'Done or not', icon: SquareCheck, width: 96, family: 'Essentials' },
  long_text: { name: 'Long text', hint: 'Write together, in Markdown', icon: FileText, width: 260, family: 'Text and links' },
  tags: { name: 'Tags', hint: 'Any number of words', icon: Tag, width: 180, family: 'Text and links' },
  link: { name: 'Link', hint: 'A web address', icon: Link2, width: 180, family: 'Text and links' },
  email: { name: 'Email', hint: 'An address to write to', icon: AtSign, width: 190, family: 'Text and links' },
  phone: { name: 'Phone', hint: 'A number to call', icon: Phone, width: 150, family: 'Text and links' },
  location: { name: 'Location', hint: 'A place', icon: MapPin, width: 180, family: 'Text and links' },
  rating: { name: 'Rating', hint: 'Stars', icon: Star, width: 130, family: 'Numbers' },
  counter: { name: 'Votes', hint: 'Everyone’s votes add up', icon: ThumbsUp, width: 100, family: 'Numbers' },
  maximum: { name: 'High-water mark', hint: 'Keeps the greatest number', icon: TrendingUp, width: 130, family: 'Numbers' },
  relation: { name: 'Relation', hint: 'Links to other items', icon: ListTree, width: 200, family: 'Advanced' },
  files: { name: 'Files', hint: 'Links to files', icon: Paperclip, width: 150, family: 'Advanced' },
  formula: { name: 'Formula', hint: 'Computed from other columns', icon: Sigma, width: 130, family: 'Advanced' },
  auto_number: { name: 'Auto number', hint: 'Counts the items', icon: Rows3, width: 100, family: 'Automatic' },
  created_at: { name: 'Created at', hint: 'When it was made', icon: CalendarClock, width: 160, family: 'Automatic' },
  created_by: { name: 'Created by', hint: 'Who made it', icon: UserRoundCheck, width: 140, family: 'Automatic' },
  updated_at: { name: 'Updated at', hint: 'When it last changed', icon: CalendarClock, width: 160, family: 'Automatic' },
  updated_by: { name: 'Updated by', hint: 'Who changed it last', icon: UserRoundCheck, width: 140, family: 'Automatic' },
};

export const FAMILIES = ['Essentials', 'Text and links', 'Numbers', 'Advanced', 'Automatic'] as const;

const COMPUTED: ReadonlySet<ColumnType> = new Set(['created_at', 'created_by', 'updated_at', 'updated_by', 'auto_number', 'formula']);
export const isComputed = (type: ColumnType): boolean => COMPUTED.has(type);

/** Of those, the ones that no item can tell by itself. */
export const needsBoard = (type: ColumnType): boolean => type === 'auto_number' || type === 'formula';

export const hasLabels = (type: ColumnType): boolean => type === 'status' || type === 'dropdown';

export function labelsOf(column: ColumnView): readonly Label[] {
  return column.settings.labels ?? NO_LABELS;
}
const NO_LABELS: readonly Label[] = [];

/** The name's column is not one of the board's: it has this key in widths, sorts and the grid. */
export const NAME_KEY = '@name';
/** The drag handle's place in the grid, so that the keyboard reaches it. */
export const HANDLE_KEY = '@handle';

export const UNGROUPED = '@ungrouped';

export const groupKey = (groupId: string | null): string => groupId ?? UNGROUPED;

export function groupColor(group: Pick<GroupView, 'id' | 'color'> | null): string {
  return group ? paint(group.color, group.id) : '#8b867c';
}

/** Label and group colours: calm enough for dark and light, far enough apart to tell. */
export const PALETTE = [
  '#2f9e62',
  '#7ab648',
  '#e0a320',
  '#ef7f2d',
  '#dd4f43',
  '#d9487d',
  '#a04fc4',
  '#6b5fd8',
  '#3f74e0',
  '#2c9ccb',
  '#20988f',
  '#8a6a4f',
  '#7d8590',
  '#b0aca4',
] as const;

/** A map, not an object: a document may hold any word here, `constructor` too. */
const NAMED: ReadonlyMap<string, string> = new Map(
  Object.entries({
    green: '#2f9e62',
    lime: '#7ab648',
    yellow: '#e0a320',
    amber: '#e0a320',
    orange: '#ef7f2d',
    red: '#dd4f43',
    pink: '#d9487d',
    purple: '#a04fc4',
    violet: '#6b5fd8',
    indigo: '#6b5fd8',
    blue: '#3f74e0',
    cyan: '#2c9ccb',
    teal: '#20988f',
    brown: '#8a6a4f',
    gray: '#7d8590',
    grey: '#7d8590',
  }),
);

/** A colour to show for what a document holds: hex as it is, known names, else one that follows from the id. */
export function paint(color: string, id: string): string {
  if (/^#[0-9a-f]{3}([0-9a-f]{3})?$/i.test(color)) return color;
  const named = NAMED.get(color.toLowerCase());
  if (named) return named;
  let hash = 5;
  for (const char of id) hash = (hash * 33 + (char.codePointAt(0) ?? 0)) >>> 0;
  return PALETTE[hash % (PALETTE.length - 2)] ?? PALETTE[0];
}

/** White, unless it would stand out less than 4.5:1 from that colour (WCAG's least for text): then black, which does. */
export function inkOn(hex: string): string {
  const full = hex.length === 4 ? hex.replaceAll(/[0-9a-f]/gi, '$&$&') : hex;
  const channel = (at: number) => {
    const value = Number.parseInt(full.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  const light = 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
  return 1.05 / (light + 0.05) < 4.5 ? '#000000' : '#ffffff';
}

/** What an item shows where its name should be. */
export const nameOf = (item: Pick<ItemView, 'name'>): string => item.name.trim() || 'Untitled';

export const countItems = (count: number): string => (count === 1 ? '1 item' : `${count} items`);
