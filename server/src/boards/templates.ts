/** Starting points for a new board: its first columns and groups. Ids are fixed within a template, so that docs and tests can name them. */
import type { ColumnId, GroupId, NewColumn, NewGroup } from '@sunday/board-model';

type Template = { readonly about: string; readonly columns: readonly NewColumn[]; readonly groups: readonly NewGroup[] };

const column = (id: string, type: NewColumn['type'], title: string, settings?: NewColumn['settings']): NewColumn => ({
  id: id as ColumnId, type, title, ...(settings === undefined ? {} : { settings }),
});
const group = (id: string, title: string, color: string): NewGroup => ({ id: id as GroupId, title, color });

const WORK_STATES = {
  labels: [
    { id: 'todo', title: 'To do', color: 'grey' },
    { id: 'working', title: 'Working on it', color: 'orange' },
    { id: 'stuck', title: 'Stuck', color: 'red' },
    { id: 'done', title: 'Done', color: 'green' },
  ],
};
const PRIORITIES = {
  labels: [
    { id: 'high', title: 'High', color: 'red' },
    { id: 'medium', title: 'Medium', color: 'yellow' },
    { id: 'low', title: 'Low', color: 'blue' },
  ],
};

export const TEMPLATES = {
  blank: { about: 'No columns, one group', columns: [], groups: [group('items', 'Items', 'blue')] },
  tasks: {
    about: 'Tasks with status, owner and due date',
    columns: [column('status', 'status', 'Status', WORK_STATES), column('owner', 'person', 'Owner'), column('due', 'date', 'Due'), column('priority', 'dropdown', 'Priority', PRIORITIES), column('notes', 'long_text', 'Notes')],
    groups: [group('now', 'This week', 'blue'), group('next', 'Next', 'purple'), group('done', 'Done', 'green')],
  },
  roadmap: {
    about: 'Features along a timeline',
    columns: [column('status', 'status', 'Status', WORK_STATES), column('timeline', 'timeline', 'Timeline'), column('owner', 'person', 'Owner'), column('effort', 'number', 'Effort', { unit: 'days' }), column('votes', 'counter', 'Votes'), column('brief', 'long_text', 'Brief')],
    groups: [group('now', 'Now', 'green'), group('next', 'Next', 'orange'), group('later', 'Later', 'grey')],
  },
  bugs: {
    about: 'Bugs with severity and link',
    columns: [column('status', 'status', 'Status', WORK_STATES), column('severity', 'dropdown', 'Severity', PRIORITIES), column('owner', 'person', 'Owner'), column('link', 'link', 'Issue'), column('found', 'date', 'Found'), column('details', 'long_text', 'Details')],
    groups: [group('open', 'Open', 'red'), group('fixed', 'Fixed', 'green')],
  },
} as const satisfies Record<string, Template>;

export type TemplateName = keyof typeof TEMPLATES;

export const templateOf = (name: string): Template | undefined => (Object.hasOwn(TEMPLATES, name) ? TEMPLATES[name as TemplateName] : undefined);
