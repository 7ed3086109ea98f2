/** One column: its title, the settings of its type, and archiving it. Changes are saved as they are made. */
import { useColumns } from '@sunday/client/react';
import { ArchiveX } from 'lucide-react';
import { useState } from 'react';
import { attempt, useScope } from '../board/context.ts';
import { hasLabels, TYPES } from '../board/model.ts';
import type { ColumnView } from '../board/model.ts';
import { toastUndo } from '../board/undo.ts';
import { LabelsEditor } from '../cells/LabelEditor.tsx';
import { PlaceholderMapping } from '../cells/PersonPicker.tsx';
import { Dialog } from '../ui/Dialog.tsx';

export function ColumnDialog({ columnId, onClose }: { columnId: string; onClose: () => void }) {
  const { board } = useScope();
  const column = useColumns(board).find((each) => each.id === columnId);
  if (!column) return null;
  const archive = () => {
    onClose();
    attempt(() => {
      board.columns.remove(column.id);
      toastUndo(board, `“${column.title}” is archived; its cells are kept`);
    });
  };
  return (
    <Dialog
      title={`${TYPES[column.type].name} column`}
      onClose={onClose}
      footer={
        <>
          <button type="button" className="btn btn-danger" onClick={archive}>
            <ArchiveX aria-hidden /> Archive column
          </button>
          <span className="grow" />
          <button type="button" className="btn btn-primary" onClick={onClose}>
            Done
          </button>
        </>
      }
    >
      <div className="stack form">
        <TextSetting label="Title" value={column.title} onSave={(title) => title !== '' && board.columns.update(column.id, { title })} autoFocus />
        {column.unknownType !== undefined && (
          <p className="note">This version does not know the type “{column.unknownType}”. Its cells are shown as text and cannot be changed here.</p>
        )}
        {hasLabels(column.type) && (
          <section className="stack">
            <h3 className="label">Labels</h3>
            <LabelsEditor column={column} onDone={onClose} />
          </section>
        )}
        <TypeSettings column={column} />
        <PlaceholderMapping column={column} />
      </div>
    </Dialog>
  );
}

const MAX_RATING = 10;

function TypeSettings({ column }: { column: ColumnView }) {
  const { board } = useScope();
  const save = (settings: Record<string, unknown>) => board.columns.update(column.id, { settings });
  switch (column.type) {
    case 'number':
      return (
        <TextSetting
          label="Unit (shown with the number)"
          value={column.settings.unit ?? ''}
          placeholder="€, days, kg"
          onSave={(unit) => save({ unit: unit === '' ? null : unit })}
        />
      );
    case 'rating':
      return (
        <label className="field">
          <span>Stars</span>
          <select className="input" value={column.settings.max ?? 5} onChange={(event) => attempt(() => save({ max: Number(event.target.value) }))}>
            {Array.from({ length: MAX_RATING - 1 }, (_, index) => (
              <option key={index} value={index + 2}>
                {index + 2}
              </option>
            ))}
          </select>
        </label>
      );
    case 'formula':
      return (
        <TextSetting
          label="Formula"
          value={column.settings.formula ?? ''}
          placeholder="{Estimated days} * 2"
          onSave={(formula) => save({ formula: formula === '' ? null : formula })}
        />
      );
    default:
      return null;
  }
}

interface TextSettingProps {
  label: string;
  value: string;
  placeholder?: string;
  autoFocus?: boolean;
  onSave: (text: string) => unknown;
}

function TextSetting({ label, value, placeholder, autoFocus, onSave }: TextSettingProps) {
  const [draft, setDraft] = useState<string | null>(null);
  const save = () => {
    const next = draft?.trim();
    if (next !== undefined && next !== value) attempt(() => onSave(next));
    setDraft(null);
  };
  return (
    <label className="field">
      <span>{label}</span>
      <input
        className="input"
        data-autofocus={autoFocus}
        value={draft ?? value}
        placeholder={placeholder}
        maxLength={500}
        onChange={(event) => setDraft(event.target.value)}
        onBlur={save}
        onKeyDown={(event) => event.key === 'Enter' && event.currentTarget.blur()}
      />
    </label>
  );
}
