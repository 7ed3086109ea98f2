/** Who is signed in, the theme, and the way out. */
import { LogOut, Monitor, Moon, Sun } from 'lucide-react';
import { Avatar } from '../ui/Avatar.tsx';
import { MenuButton } from '../ui/Menu.tsx';
import type { MenuEntry } from '../ui/Menu.tsx';
import { useStore } from '../ui/store.ts';
import { go } from './router.ts';
import { signOut } from './session.ts';
import type { SessionUser } from './session.ts';
import { applyTheme, theme } from './theme.ts';

export function UserMenu({ user }: { user: SessionUser }) {
  const chosen = useStore(theme);
  const entries = (): MenuEntry[] => [
    { kind: 'title', label: user.name },
    { kind: 'item', label: 'System theme', icon: <Monitor aria-hidden />, checked: chosen === 'system', onSelect: () => applyTheme('system') },
    { kind: 'item', label: 'Light', icon: <Sun aria-hidden />, checked: chosen === 'light', onSelect: () => applyTheme('light') },
    { kind: 'item', label: 'Dark', icon: <Moon aria-hidden />, checked: chosen === 'dark', onSelect: () => applyTheme('dark') },
    { kind: 'separator' },
    {
      kind: 'item',
      label: 'Sign out',
      icon: <LogOut aria-hidden />,
      onSelect: () => {
        signOut();
        go({ page: 'boards' });
      },
    },
  ];
  return (
    <MenuButton label={`${user.name}: theme and sign-out`} className="user-button" align="end" entries={entries}>
      <Avatar id={user.id} name={user.name} picture={user.picture} size={28} />
    </MenuButton>
  );
}
