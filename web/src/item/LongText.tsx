/**
 * A long text: rendered Markdown to read, a text area on the shared Y.Text to write. Several people may write at once; every
 * keystroke is the smallest edit, the caret keeps its place in the text when others write before it, and undo takes back one's own.
 */
import { useLongText } from '@sunday/client/react';
import { Eye, PenLine } from 'lucide-react';
import { useEffect, useMemo, useRef, useState } from 'react';
import type { KeyboardEvent } from 'react';
import * as Y from 'yjs';
import { TYPES } from '../board/model.ts';
import type { ColumnView, ItemView } from '../board/model.ts';
import { usePeersOn } from '../board/presence.ts';
import { useScope } from '../board/context.ts';
import { bindTextArea } from './text-binding.ts';
import { renderMarkdown, toggleTask } from './markdown.ts';
import { tintOf } from '../ui/Avatar.tsx';

export function LongText({ item, column }: { item: ItemView; column: ColumnView }) {
  const { board, canWrite } = useScope();
  const text = useLongText(board, item.id, column.id);
  const [asked, setWriting] = useState(false);
  const writing = asked && canWrite;
  const toggle = useRef<HTMLButtonElement>(null);
  const here = usePeersOn(item.id).filter((peer) => peer.state.cell?.columnId === column.id);
  const Icon = TYPES.long_text.icon;
  return (
    <section className="longtext" aria-label={column.title}>
      <header className="row section-head">
        <Icon size={15} aria-hidden />
        <h3>{column.title}</h3>
        <span className="grow" />
        {here.map((peer) => (
          <span key={peer.clientId} className="badge" style={{ '--c': tintOf(peer.user.id) }}>
            {peer.user.name} is here
          </span>
        ))}
        {canWrite && (
          <button ref={toggle} type="button" className="btn btn-ghost btn-sm" aria-pressed={writing} onClick={() => setWriting((was) => !was)}>
            {writing ? <Eye aria-hidden /> : <PenLine aria-hidden />} {writing ? 'Read' : 'Write'}
          </button>
        )}
      </header>
      {writing ? (
        <Writer
          key={`${item.id}:${column.id}`}
          item={item}
          column={column}
          onDone={() => {
            toggle.current?.focus();
            setWriting(false);
          }}
        />
      ) : text.trim() === '' ? (
        <button type="button" className="longtext-empty" disabled={!canWrite} onClick={() => setWriting(true)}>
          {canWrite ? 'Write something… Markdown works.' : 'Nothing written'}
        </button>
      ) : (
        <Reader
          text={text}
          onToggleTask={canWrite ? (index) => board.setLongText(item.id, column.id, toggleTask(text, index)) : null}
          onWrite={canWrite ? () => setWriting(true) : null}
        />
      )}
    </section>
  );
}

function Reader({ text, onToggleTask, onWrite }: { text: string; onToggleTask: ((index: number) => void) | null; onWrite: (() => void) | null }) {
  const html = useMemo(() => renderMarkdown(text, onToggleTask !== null), [text, onToggleTask !== null]);
  return (
    <div
      className="prose"
      dir="auto"
      onDoubleClick={() => onWrite?.()}
      onClick={(event) => {
        const target = event.target;
        if (!(target instanceof HTMLInputElement) || target.type !== 'checkbox') return;
        event.preventDefault();
        const boxes = [...event.currentTarget.querySelectorAll('input[type="checkbox"]')];
        onToggleTask?.(boxes.indexOf(target));
      }}
      dangerouslySetInnerHTML={{ __html: html }}
    />
  );
}

function Writer({ item, column, onDone }: { item: ItemView; column: ColumnView; onDone: () => void }) {
  const { board } = useScope();
  const area = useRef<HTMLTextAreaElement>(null);
  const undo = useRef<Y.UndoManager | null>(null);

  useEffect(() => {
    const el = area.current;
    if (!el) return;
    const shared = board.longText(item.id, column.id);
    const origin = { longText: column.id };
    const manager = new Y.UndoManager(shared, { trackedOrigins: new Set([origin]) });
    undo.current = manager;
    const unbind = bindTextArea(el, shared, origin);
    board.presence.set({ cell: { itemId: item.id, columnId: column.id }, editing: true });
    el.focus();
    return () => {
      unbind();
      manager.destroy();
      board.presence.set({ cell: null, editing: null });
    };
  }, [board, item.id, column.id]);

  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation();
    const mod = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    if (mod && (key === 'z' || key === 'y')) {
      event.preventDefault();
      if (key === 'y' || event.shiftKey) undo.current?.redo();
      else undo.current?.undo();
    } else if (event.key === 'Escape') {
      event.preventDefault();
      onDone();
    }
  };

  return (
    <textarea
      ref={area}
      className="input longtext-area"
      dir="auto"
      aria-label={`${column.title}, Markdown`}
      rows={10}
      spellCheck
      onKeyDown={onKeyDown}
      placeholder="# Heading, **bold**, - [ ] task…"
    />
  );
}
