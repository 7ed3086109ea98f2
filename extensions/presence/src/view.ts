/**
 * What a client says it looks at, in the field `view` of its state: a name, or a few. Names are the application's own (an open
 * item, a page of a table); two clients are in the same view if they share one. Clients that say nothing are in one view together.
 */
import { MAX_VIEW_CHARS, MAX_VIEWS } from './limits.ts';

export interface View {
  readonly names: readonly string[];
  /** The same for the same names. */
  readonly key: string;
}

export const NO_VIEW: View = { names: [], key: '' };

/** Names past the bounds are not looked at: the state is passed on as it is. `before` is returned where nothing changed. */
export function viewOf(view: unknown, before: View = NO_VIEW): View {
  if (view === undefined) return NO_VIEW;
  const given: readonly unknown[] = Array.isArray(view) ? view.slice(0, MAX_VIEWS) : [view];
  const names = given.filter((name): name is string => typeof name === 'string' && name.length > 0 && name.length <= MAX_VIEW_CHARS);
  if (names.length === 0) return NO_VIEW;
  const key = names.length === 1 ? String(names[0]) : JSON.stringify(names.toSorted());
  return key === before.key ? before : { names, key };
}

/** Under these it is found: saying nothing is a name, too. */
export const namesOf = ({ names }: View): readonly string[] => (names.length === 0 ? NOTHING_SAID : names);
const NOTHING_SAID = [''];

export const meet = (one: View, other: View): boolean => namesOf(one).some((name) => namesOf(other).includes(name));
