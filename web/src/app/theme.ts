/** Light, dark or the system's theme; remembered on this browser. */
import { createStore } from '../ui/store.ts';

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'sunday.theme';

function stored(): Theme {
  const value = localStorage.getItem(KEY);
  return value === 'light' || value === 'dark' ? value : 'system';
}

export const theme = createStore<Theme>(stored());

export function applyTheme(next: Theme): void {
  if (next === 'system') {
    localStorage.removeItem(KEY);
    delete document.documentElement.dataset['theme'];
  } else {
    localStorage.setItem(KEY, next);
    document.documentElement.dataset['theme'] = next;
  }
  theme.set(next);
}
