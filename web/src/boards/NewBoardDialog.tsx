/** Name a board and choose what it starts with. The templates are the server's (`POST /v1/boards {template}`). */
import { Bug, ListChecks, Map as MapIcon, Square } from 'lucide-react';
import type { LucideIcon } from 'lucide-react';
import { useState } from 'react';
import { api } from '../api/rest.ts';
import { go } from '../app/router.ts';
import { Dialog } from '../ui/Dialog.tsx';

interface Template {
  id: string;
  name: string;
  about: string;
  icon: LucideIcon;
  tint: string;
}

const TEMPLATES: readonly Template[] = [
  { id: 'tasks', name: 'Tasks', about: 'Status, owner, due date and priority', icon: ListChecks, tint: '#3f74e0' },
  { id: 'roadmap', name: 'Roadmap', about: 'Timelines, effort and votes', icon: MapIcon, tint: '#2f9e62' },
  { id: 'bugs', name: 'Bugs', about: 'Severity, owner and links', icon: Bug, tint: '#dd4f43' },
  { id: 'blank', name: 'Blank', about: 'One group, no columns', icon: Square, tint: '#7d8590' },
];

export function NewBoardDialog({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('');
  const [template, setTemplate] = useState('tasks');
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  const create = async () => {
    setBusy(true);
    setProblem(null);
    try {
      const chosen = TEMPLATES.find((each) => each.id === template);
      const board = await api.createBoard({ name: name.trim() || chosen?.name || 'New board', template });
      go({ page: 'board', boardId: board.id, view: 'table', itemId: null });
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };

  return (
    <Dialog
      title="New board"
      onClose={onClose}
      footer={
        <>
          <button type="button" className="btn btn-ghost" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" form="new-board" className="btn btn-primary" disabled={busy}>
            {busy ? 'Creating…' : 'Create board'}
          </button>
        </>
      }
    >
      <form
        id="new-board"
        className="stack form"
        onSubmit={(event) => {
          event.preventDefault();
          void create();
        }}
      >
        <label className="field">
          <span>Name</span>
          <input className="input" data-autofocus value={name} maxLength={255} placeholder="Launch plan" onChange={(event) => setName(event.target.value)} />
        </label>
        <fieldset className="templates">
          <legend className="label">Start with</legend>
          {TEMPLATES.map(({ id, name: title, about, icon: Icon, tint }) => (
            <label key={id} className="template" style={{ '--c': tint }}>
              <input type="radio" name="template" value={id} checked={template === id} onChange={() => setTemplate(id)} />
              <span className="template-icon">
                <Icon aria-hidden />
              </span>
              <span>
                <strong>{title}</strong>
                <span className="muted">{about}</span>
              </span>
            </label>
          ))}
        </fieldset>
        {problem && (
          <p className="field-error" role="alert">
            {problem}
          </p>
        )}
      </form>
    </Dialog>
  );
}
