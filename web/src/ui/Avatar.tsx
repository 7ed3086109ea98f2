/**
 * A person as a small disc: picture, else initials on a colour that follows from the id, the same on avatars and cursors all over the app,
 * also for people who never were here. (The server stamps a colour on presence too; it knows nobody who is away.)
 */

const TINTS = ['#c2410c', '#b45309', '#4d7c0f', '#15803d', '#0f766e', '#0369a1', '#1d4ed8', '#6d28d9', '#a21caf', '#be185d', '#9f1239', '#57534e'];

export function tintOf(id: string): string {
  let hash = 7;
  for (const char of id) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  return TINTS[hash % TINTS.length] ?? '#57534e';
}

export function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const first = words[0];
  if (!first) return '?';
  const last = words.length > 1 ? words.at(-1) : undefined;
  if (last && /^\d+$/.test(last)) return letterOf(first) + String(Number(last)).slice(0, 2);
  return letterOf(first) + (last ? letterOf(last) : '');
}

const GRAPHEMES = new Intl.Segmenter();

function letterOf(word: string): string {
  for (const { segment } of GRAPHEMES.segment(word)) return segment.toUpperCase();
  return '';
}

interface AvatarProps {
  id: string;
  name: string;
  picture?: string | null | undefined;
  size?: number;
  placeholder?: boolean | undefined;
}

export function Avatar({ id, name, picture, size = 24, placeholder }: AvatarProps) {
  return (
    <span
      className={`avatar ${placeholder ? 'is-placeholder' : ''}`}
      style={{ '--size': `${size}px`, '--tint': tintOf(id) }}
      role="img"
      aria-label={name}
      title={placeholder ? `${name} (not a member yet)` : name}
    >
      {picture ? <img src={picture} alt="" referrerPolicy="no-referrer" /> : initialsOf(name)}
    </span>
  );
}
