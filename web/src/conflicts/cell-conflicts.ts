/** Which cells hold somebody's value in the place of one's own of the same time, and which of these one has put off for now. */
import type { Conflict } from '@sunday/client';
import { useConflicts } from '@sunday/client/react';
import { useSyncExternalStore } from 'react';
import { attempt, useScope } from '../board/context.ts';
import type { ColumnType, ColumnView, ItemView } from '../board/model.ts';
import { createStore, useStore } from '../ui/store.ts';

/** The others merge, or keep the later value without a question (board-model/SPEC.md, 5). */
const ASKED: ReadonlySet<ColumnType> = new Set(['status', 'dropdown', 'date', 'timeline']);
export const mayConflict = (column: ColumnView): boolean => ASKED.has(column.type);

/** Ids one said "later" to. They stay in the list of the header, and come back with the page. */
const putOff = createStore<ReadonlySet<string>>(new Set());
export const putOffConflict = (id: string): void => putOff.set(new Set([...putOff.get(), id]));

/** The conflict to show on a cell; its chip alone re-renders for it. */
export function useCellConflict(itemId: string, columnId: string): Conflict | null {
  const { board, canWrite } = useScope();
  const read = () => board.conflicts.current.find((conflict) => conflict.itemId === itemId && conflict.columnId === columnId) ?? null;
  const conflict = useSyncExternalStore((listener) => board.conflicts.subscribe(listener), read, read);
  const later = useStore(putOff);
  return conflict && canWrite && !later.has(conflict.id) ? conflict : null;
}

export interface OpenConflict {
  conflict: Conflict;
  item: ItemView;
  column: ColumnView;
}

/** All of the board, those put off too. */
export function useOpenConflicts(): readonly OpenConflict[] {
  const { board, canWrite } = useScope();
  const all = useConflicts(board);
  if (!canWrite) return [];
  return all.flatMap((conflict) => {
    const [item, column] = [board.items.get(conflict.itemId), board.columns.get(conflict.columnId)];
    return item && column ? { conflict, item, column } : [];
  });
}

export function answer(board: ReturnType<typeof useScope>['board'], conflicts: readonly Conflict[], choice: 'mine' | 'theirs'): void {
  attempt(() => {
    // together they are one step to undo
    if (choice === 'mine') board.batch(() => conflicts.forEach(({ id }) => board.conflicts.keepMine(id)));
    else for (const { id } of conflicts) board.conflicts.keepTheirs(id);
  });
}
