/** The chips of a card, in its corner: a card shows no cell for itself where the lane already says it. */
import { useColumnList } from '../board/context.ts';
import { mayConflict } from './cell-conflicts.ts';
import { ConflictChip } from './ConflictChip.tsx';

export function CardConflicts({ itemId }: { itemId: string }) {
  const columns = useColumnList();
  return (
    <span className="card-conflicts">
      {columns.filter(mayConflict).map((column) => (
        <ConflictChip key={column.id} itemId={itemId} column={column} />
      ))}
    </span>
  );
}
