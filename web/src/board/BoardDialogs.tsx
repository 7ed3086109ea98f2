/** The dialogs of a board, one at a time. */
import type { Member } from '../api/rest.ts';
import { ColumnDialog } from '../columns/ColumnDialog.tsx';
import { NewColumnDialog } from '../columns/NewColumnDialog.tsx';
import { ConflictsDialog } from '../conflicts/ConflictsDialog.tsx';
import type { BoardDialog } from './context.ts';
import { ShareDialog } from './ShareDialog.tsx';
import { TrashDialog } from './TrashDialog.tsx';

interface BoardDialogsProps {
  dialog: BoardDialog;
  members: readonly Member[];
  onMembers: () => void;
  onClose: () => void;
}

export function BoardDialogs({ dialog, members, onMembers, onClose }: BoardDialogsProps) {
  switch (dialog.kind) {
    case 'share':
      return <ShareDialog members={members} onChanged={onMembers} onClose={onClose} />;
    case 'trash':
      return <TrashDialog onClose={onClose} />;
    case 'conflicts':
      return <ConflictsDialog onClose={onClose} />;
    case 'column':
      return <ColumnDialog columnId={dialog.columnId} onClose={onClose} />;
    case 'new-column':
      return <NewColumnDialog after={dialog.after ?? null} onClose={onClose} />;
  }
}
