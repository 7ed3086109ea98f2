/**
 * Who the ids in person cells, comments and cursors are: members, people who are here now, and placeholders of imported boards.
 */
import { createContext, useContext, useMemo } from 'react';
import type { Member } from '../api/rest.ts';
import type { ColumnView } from './model.ts';

export interface Person {
  id: string;
  name: string;
  picture: string | null;
  /** member: may open the board · placeholder: a name from an import · unknown: an id and no more */
  kind: 'member' | 'placeholder' | 'unknown';
}

export interface People {
  get(id: string): Person;
  readonly members: readonly Person[];
  /** Members first, then the column's placeholders. */
  choicesFor(column: ColumnView): readonly Person[];
}

interface Seen {
  id: string;
  name: string;
  picture: string | null;
}

export function usePeopleOf(
  members: readonly Member[],
  columns: readonly ColumnView[],
  seen: readonly Seen[],
  self: { id: string; name: string; picture?: string },
): People {
  return useMemo(() => {
    const known = new Map<string, Person>();
    for (const column of columns) for (const { id, name } of placeholdersOf(column)) known.set(id, { id, name, picture: null, kind: 'placeholder' });
    for (const { id, name, picture } of seen) known.set(id, { id, name, picture, kind: 'member' });
    for (const { userId, name, picture } of members)
      known.set(userId, { ...known.get(userId), id: userId, name: name ?? known.get(userId)?.name ?? userId, picture, kind: 'member' });
    known.set(self.id, { ...known.get(self.id), id: self.id, name: self.name, picture: self.picture ?? null, kind: 'member' });
    const byName = (a: Person, b: Person) => a.name.localeCompare(b.name);
    const memberList = [...known.values()].filter((person) => person.kind === 'member').sort(byName);
    return {
      members: memberList,
      get: (id) => known.get(id) ?? { id, name: id, picture: null, kind: 'unknown' },
      choicesFor: (column) =>
        [
          ...memberList,
          ...placeholdersOf(column)
            .map(({ id }) => known.get(id))
            .filter((person) => person?.kind === 'placeholder'),
        ].filter((person) => person !== undefined),
    };
  }, [members, columns, seen, self.id, self.name, self.picture]);
}

export function placeholdersOf(column: ColumnView): readonly { id: string; name: string }[] {
  return column.type === 'person' && Array.isArray(column.settings.placeholders) ? column.settings.placeholders : [];
}

const NOBODY: People = { members: [], get: (id) => ({ id, name: id, picture: null, kind: 'unknown' }), choicesFor: () => [] };
export const PeopleContext = createContext<People>(NOBODY);
export const usePeople = (): People => useContext(PeopleContext);
