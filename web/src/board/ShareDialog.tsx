/** Who may open the board, and as what. Over REST: membership is the server's, not the document's. */
import { Link2, UserMinus } from 'lucide-react';
import { useState } from 'react';
import { api } from '../api/rest.ts';
import type { Member, Role } from '../api/rest.ts';
import { session } from '../app/session.ts';
import { Avatar } from '../ui/Avatar.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { useStore } from '../ui/store.ts';
import { toast } from '../ui/toast.tsx';
import { useScope } from './context.ts';
import { usePeople } from './people.ts';

const ROLES: Record<Role, string> = { owner: 'Owner', editor: 'Can edit', commenter: 'Can comment', viewer: 'Can view' };
const ROLE_NAMES = Object.keys(ROLES) as Role[];

/** On a development server a name is a person: the id follows from it, so people can be added before their first visit. */
async function idOfName(nameOrId: string): Promise<string> {
  const looksLikeId = /-[0-9a-f]{10}$/.test(nameOrId);
  return looksLikeId ? nameOrId : (await api.devSession(nameOrId)).user.id;
}

interface ShareDialogProps {
  members: readonly Member[];
  onChanged: () => void;
  onClose: () => void;
}

export function ShareDialog({ members, onChanged, onClose }: ShareDialogProps) {
  const { board, user } = useScope();
  const people = usePeople();
  const [who, setWho] = useState('');
  const [role, setRole] = useState<Role>('editor');
  const [problem, setProblem] = useState<string | null>(null);
  const mine = members.find((member) => member.userId === user.id)?.role;
  const owner = mine === 'owner';
  const byName = useStore(session)?.byName === true;

  const run = async (change: () => Promise<unknown>) => {
    setProblem(null);
    try {
      await change();
      onChanged();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  const add = () => {
    const wanted = who.trim();
    if (wanted === '') return;
    void run(async () => {
      await api.addMember(board.id, byName ? await idOfName(wanted) : wanted, role);
      setWho('');
    });
  };
  const copyLink = () => {
    const link = `${location.origin}/b/${board.id}`;
    navigator.clipboard.writeText(link).then(
      () => toast('The link is on your clipboard'),
      () => toast(link),
    );
  };
  return (
    <Dialog
      title="Share this board"
      onClose={onClose}
      footer={
        <>
          <button type="button" className="btn btn-ghost" onClick={copyLink}>
            <Link2 aria-hidden /> Copy link
          </button>
          <span className="grow" />
          <button type="button" className="btn btn-primary" onClick={onClose}>
            Done
          </button>
        </>
      }
    >
      {owner && (
        <form
          className="row share-add"
          onSubmit={(event) => {
            event.preventDefault();
            add();
          }}
        >
          <input
            className="input grow"
            aria-label={byName ? 'Name or user id' : 'User id'}
            placeholder={byName ? 'The name they sign in with' : 'User id'}
            value={who}
            maxLength={255}
            onChange={(event) => setWho(event.target.value)}
          />
          <select className="input share-role" aria-label="Role of the new member" value={role} onChange={(event) => setRole(event.target.value as Role)}>
            {ROLE_NAMES.map((each) => (
              <option key={each} value={each}>
                {ROLES[each]}
              </option>
            ))}
          </select>
          <button type="submit" className="btn btn-primary" disabled={who.trim() === ''}>
            Add
          </button>
        </form>
      )}
      <p className="muted share-note">
        Your user id is <code className="user-id">{user.id}</code>: others need it to add you to their boards.
      </p>
      {problem && (
        <p className="field-error" role="alert">
          {problem}
        </p>
      )}
      <ul className="members">
        {members.map((member) => {
          const person = people.get(member.userId);
          return (
            <li key={member.userId} className="row">
              <Avatar id={person.id} name={person.name} picture={person.picture} size={30} />
              <span className="grow truncate">
                {person.name}
                {member.userId === user.id && <span className="muted"> (you)</span>}
                {person.name !== member.userId && <small className="member-id truncate">{member.userId}</small>}
              </span>
              {owner ? (
                <select
                  className="input share-role"
                  aria-label={`Role of ${person.name}`}
                  value={member.role}
                  onChange={(event) => void run(() => api.setRole(board.id, member.userId, event.target.value as Role))}
                >
                  {ROLE_NAMES.map((each) => (
                    <option key={each} value={each}>
                      {ROLES[each]}
                    </option>
                  ))}
                </select>
              ) : (
                <span className="muted">{ROLES[member.role]}</span>
              )}
              {owner && member.userId !== user.id && (
                <button
                  type="button"
                  className="btn btn-ghost btn-icon btn-sm"
                  aria-label={`Remove ${person.name}`}
                  title="Remove"
                  onClick={() => void run(() => api.removeMember(board.id, member.userId))}
                >
                  <UserMinus aria-hidden />
                </button>
              )}
            </li>
          );
        })}
      </ul>
    </Dialog>
  );
}
