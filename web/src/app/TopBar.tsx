/** The bar of the board list: mark, theme, who is signed in. */
import type { SessionUser } from './session.ts';
import { followInApp } from './router.ts';
import { Logo } from '../ui/Logo.tsx';
import { UserMenu } from './UserMenu.tsx';

export function TopBar({ user }: { user: SessionUser }) {
  return (
    <header className="topbar">
      <a className="brand" href="/" onClick={followInApp({ page: 'boards' })}>
        <Logo />
        <span>Sunday</span>
      </a>
      <span className="grow" />
      <UserMenu user={user} />
    </header>
  );
}
