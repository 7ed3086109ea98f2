/**
 * Whether what was written is safe. "Saved" is said only when the server has committed every edit; anything less is said as it is.
 */
import { useSyncState } from '@sunday/client/react';
import { CloudAlert, CloudCheck, CloudOff, Eye, RefreshCw } from 'lucide-react';
import type { BoardStatus } from '@sunday/client';
import type { LucideIcon } from 'lucide-react';
import { useScope } from './context.ts';

interface Words {
  tone: 'ok' | 'busy' | 'warn';
  text: string;
  title: string;
  icon: LucideIcon;
}

export function wordsFor(status: Pick<BoardStatus, 'sync' | 'unsaved' | 'readOnly'>): Words {
  switch (status.sync) {
    case 'offline':
      return status.unsaved
        ? { tone: 'warn', text: 'Offline, not sent', title: 'Your changes are kept on this device and go out when the server can be reached', icon: CloudOff }
        : { tone: 'warn', text: 'Offline', title: 'You can go on: changes are kept on this device until the server can be reached', icon: CloudOff };
    case 'volatile':
      return {
        tone: 'warn',
        text: 'Saving…',
        title: 'The server’s database is away. Others see your changes, and they are committed as soon as it returns',
        icon: CloudAlert,
      };
    case 'saving':
      return { tone: 'busy', text: 'Saving…', title: 'Some changes are not committed yet', icon: RefreshCw };
    case 'saved':
      if (status.readOnly === null) return { tone: 'ok', text: 'Saved', title: 'Every change is committed on the server', icon: CloudCheck };
      if (status.readOnly === 'comments_only') return { tone: 'ok', text: 'Comment only', title: 'Your role lets you read this board and comment', icon: Eye };
      return {
        tone: 'ok',
        text: 'View only',
        title: status.readOnly === 'schema_too_old' ? 'This page is older than the board: reload it to edit' : 'Your role lets you read this board',
        icon: Eye,
      };
  }
}

export function SyncBadge() {
  const { board } = useScope();
  const words = wordsFor(useSyncState(board));
  const Icon = words.icon;
  return (
    <span className={`sync is-${words.tone}`} role="status" title={words.title} data-sync={words.text}>
      <Icon aria-hidden />
      <span>{words.text}</span>
    </span>
  );
}
