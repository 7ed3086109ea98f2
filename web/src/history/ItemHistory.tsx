/** Who did what to one item, at the foot of its panel. Asked for when it is opened: most visits do not need it. */
import { History } from 'lucide-react';
import { useState } from 'react';
import { useScope } from '../board/context.ts';
import type { ItemView } from '../board/model.ts';
import { ActivityList } from './ActivityList.tsx';
import { useItemActivity } from './use-activity.ts';

export function ItemHistory({ item }: { item: ItemView }) {
  const [open, setOpen] = useState(false);
  return (
    <details className="item-history" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className="row section-head">
        <History size={15} aria-hidden />
        <h3>History</h3>
      </summary>
      {open && <Loaded item={item} />}
    </details>
  );
}

function Loaded({ item }: { item: ItemView }) {
  const { board } = useScope();
  return <ActivityList ofItem activity={useItemActivity(board.id, item.id, item)} />;
}
