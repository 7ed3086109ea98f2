/** The talk about one item: newest last, mentions with @, one's own comments edited and deleted. */
import { useComments } from '@sunday/client/react';
import { MessageSquare, MoreHorizontal } from 'lucide-react';
import { useMemo, useState } from 'react';
import type { KeyboardEvent } from 'react';
import { formatInstant } from '../board/cell-text.ts';
import { attempt, useScope } from '../board/context.ts';
import type { CommentView } from '../board/model.ts';
import { usePeople } from '../board/people.ts';
import type { People } from '../board/people.ts';
import { Avatar } from '../ui/Avatar.tsx';
import { MenuButton } from '../ui/Menu.tsx';
import { hasDraft, useDraft, useDraftKey } from './comment-draft.ts';
import { renderMarkdown } from './markdown.ts';

export function Comments({ itemId }: { itemId: string }) {
  const { board, canComment, user } = useScope();
  const comments = useComments(board, itemId);
  const shown = comments.filter((comment) => comment.deletedAt === undefined);
  const draft = useDraftKey(itemId);
  return (
    <section className="comments" aria-label="Comments">
      <header className="row section-head">
        <MessageSquare size={15} aria-hidden />
        <h3>Comments</h3>
        <span className="muted">{shown.length > 0 ? shown.length : ''}</span>
      </header>
      {shown.length === 0 && <p className="muted comments-none">No comments yet.</p>}
      <ol className="comment-list">
        {shown.map((comment) => (
          <Comment key={comment.id} itemId={itemId} comment={comment} own={comment.author === user.id} />
        ))}
      </ol>
      {canComment && (
        <Composer
          label="Write a comment"
          draft={draft}
          onSend={(body, mentions) => attempt(() => board.comments.add(itemId, { body, mentions })) !== undefined}
        />
      )}
    </section>
  );
}

function Comment({ itemId, comment, own }: { itemId: string; comment: CommentView; own: boolean }) {
  const { board, canComment } = useScope();
  const people = usePeople();
  const draft = useDraftKey(itemId, comment.id);
  const [editing, setEditing] = useState(() => hasDraft(draft));
  const author = people.get(comment.author);
  const html = useMemo(() => renderMarkdown(comment.body, false), [comment.body]);
  return (
    <li className="comment">
      <Avatar id={author.id} name={author.name} picture={author.picture} size={28} />
      <div className="grow">
        <div className="row comment-head">
          <strong className="truncate">{author.name}</strong>
          <time className="muted" dateTime={new Date(comment.createdAt).toISOString()}>
            {formatInstant(comment.createdAt)}
            {comment.editedAt !== undefined && ' (edited)'}
          </time>
          <span className="grow" />
          {own && canComment && (
            <MenuButton
              label="Comment menu"
              className="row-tool"
              align="end"
              entries={() => [
                { kind: 'item', label: 'Edit', onSelect: () => setEditing(true) },
                { kind: 'item', label: 'Delete', danger: true, onSelect: () => attempt(() => board.comments.delete(itemId, comment.id)) },
              ]}
            >
              <MoreHorizontal aria-hidden />
            </MenuButton>
          )}
        </div>
        {editing && canComment ? (
          <Composer
            label="Edit comment"
            draft={draft}
            initial={comment.body}
            onCancel={() => setEditing(false)}
            onSend={(body) => {
              const done = attempt(() => (board.comments.edit(itemId, comment.id, body), true)) === true;
              if (done) setEditing(false);
              return done;
            }}
          />
        ) : (
          <div className="prose" dir="auto" dangerouslySetInnerHTML={{ __html: html }} />
        )}
      </div>
    </li>
  );
}

/** Members named with @ in the text. */
function mentionsIn(text: string, people: People): string[] {
  return people.members.filter((member) => text.includes(`@${member.name}`)).map((member) => member.id);
}

interface ComposerProps {
  label: string;
  /** Where what is not sent is kept. */
  draft: string;
  initial?: string;
  onSend: (body: string, mentions: string[]) => boolean;
  onCancel?: () => void;
}

function Composer({ label, draft, initial = '', onSend, onCancel }: ComposerProps) {
  const people = usePeople();
  const [text, setText] = useDraft(draft, initial);
  const asked = /(?:^|\s)@([\p{L}\p{N} ]{0,30})$/u.exec(text)?.[1];
  const suggestions =
    asked === undefined
      ? []
      : people.members.filter((member) => member.name.toLowerCase().startsWith(asked.toLowerCase()) && member.name !== asked).slice(0, 5);

  const send = () => {
    const body = text.trim();
    if (body !== '' && onSend(body, mentionsIn(body, people))) setText(initial);
  };
  const cancel = () => {
    setText(initial);
    onCancel?.();
  };
  const mention = (name: string) => setText(text.slice(0, text.length - (asked?.length ?? 0)) + `${name} `);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    const first = suggestions[0];
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) send();
    else if (event.key === 'Tab' && first) mention(first.name);
    else if (event.key === 'Escape' && onCancel) cancel();
    // half written, it is left by the first Escape and the panel by the second
    else if (event.key === 'Escape' && text.trim() !== '' && event.target instanceof HTMLElement) event.target.closest<HTMLElement>('.panel')?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div className="composer">
      <textarea
        className="input"
        dir="auto"
        aria-label={label}
        placeholder="Write a comment… @ names someone"
        rows={2}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={onKeyDown}
      />
      {suggestions.length > 0 && (
        <div className="row mention-list">
          {suggestions.map((member) => (
            <button key={member.id} type="button" className="chip chip-link" onClick={() => mention(member.name)}>
              @{member.name}
            </button>
          ))}
        </div>
      )}
      <div className="row composer-foot">
        <span className="muted grow">
          <span className="kbd">Ctrl</span> <span className="kbd">Enter</span> sends
        </span>
        {onCancel && (
          <button type="button" className="btn btn-ghost btn-sm" onClick={cancel}>
            Cancel
          </button>
        )}
        <button type="button" className="btn btn-primary btn-sm" disabled={text.trim() === ''} onClick={send}>
          {initial ? 'Save' : 'Comment'}
        </button>
      </div>
    </div>
  );
}
