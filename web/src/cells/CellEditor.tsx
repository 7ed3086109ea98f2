/** The editor that fits a cell, opened in place: an input in the cell, or a panel below it. */
import { useScope } from '../board/context.ts';
import type { ColumnView, ItemView } from '../board/model.ts';
import { Popover } from '../ui/Popover.tsx';
import type { Anchor } from '../ui/Popover.tsx';
import { DateEditor, TimelineEditor } from './DateEditors.tsx';
import { LinkEditor, LocationEditor, RatingEditor } from './FormEditors.tsx';
import { InlineEditor } from './InlineEditor.tsx';
import type { Leave } from './InlineEditor.tsx';
import { editKindOf } from './kind.ts';
import { LabelPicker, pickLabel } from './LabelEditor.tsx';
import { FilesEditor, RelationEditor, TagsEditor } from './ListEditors.tsx';
import { PersonPicker } from './PersonPicker.tsx';

interface CellEditorProps {
  column: ColumnView;
  item: ItemView;
  typed: string | null;
  anchor: Anchor;
  onDone: (leave: Leave) => void;
}

export function CellEditor(props: CellEditorProps) {
  const { column, item, typed, anchor, onDone } = props;
  if (editKindOf(column) === 'inline') return <InlineEditor column={column} item={item} typed={typed} onDone={onDone} />;
  return (
    <Popover anchor={anchor} onClose={() => onDone('stay')} label={`${column.title} of ${item.name}`} width={column.type === 'rating' ? 'anchor' : 280}>
      <PanelEditor {...props} />
    </Popover>
  );
}

function PanelEditor({ column, item, typed, onDone }: CellEditorProps) {
  const scope = useScope();
  const close = () => onDone('stay');
  switch (column.type) {
    case 'status':
    case 'dropdown': {
      const value = item.values[column.id];
      const chosen = typeof value === 'object' && 'labelId' in value ? value.labelId : null;
      return (
        <LabelPicker
          column={column}
          chosen={chosen}
          typed={typed}
          onPick={(labelId) => {
            pickLabel(scope, item.id, column.id, labelId);
            close();
          }}
        />
      );
    }
    case 'person':
      return <PersonPicker column={column} item={item} />;
    case 'date':
      return <DateEditor column={column} item={item} typed={typed} onDone={close} />;
    case 'timeline':
      return <TimelineEditor column={column} item={item} typed={typed} onDone={close} />;
    case 'tags':
      return <TagsEditor column={column} item={item} />;
    case 'relation':
      return <RelationEditor column={column} item={item} />;
    case 'files':
      return <FilesEditor column={column} item={item} />;
    case 'link':
      return <LinkEditor column={column} item={item} typed={typed} onDone={close} />;
    case 'location':
      return <LocationEditor column={column} item={item} typed={typed} onDone={close} />;
    case 'rating':
      return <RatingEditor column={column} item={item} typed={typed} onDone={close} />;
    default:
      return null;
  }
}
