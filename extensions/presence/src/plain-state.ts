/**
 * States that are plain enough to be stamped as text: one pass over it, and no object is made of what only passes through. A cursor is one, and there
 * are thousands a second (parsing each and writing it anew took a twentieth of a busy core).
 *
 * Guarantees: what it takes for a JSON object is one, and says the same afterwards but for `user` (`plain-state.test.ts` holds it against `JSON.parse`).
 * Does not: take everything that is. Whoever gets `undefined` parses: escapes, anything but ASCII, white space between, numbers of an exponent or very
 * many digits, a name that comes twice and matters.
 */

export interface PlainState {
  /** The object with the stamp as its `user`, in the place of its own or behind all else. */
  readonly json: string;
  /** The JSON of its field `view`. */
  readonly view: string | undefined;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const FIRST_PRINTABLE = 0x20;
const LAST_PRINTABLE = 0x7e;

const MAX_DEPTH = 16;
/** Characters of a number. With three hundred digits one may be too large for a double, which a parser and what it writes would tell differently. */
const MAX_NUMBER = 64;

/** Not plain. All places are indices into the text, and this is none. */
const NOT_PLAIN = -1;

/** Names of a state that matter to the lane. */
const USER = '"user"';
const VIEW = '"view"';

/** @param user the stamp, as JSON */
export function stampPlainState(text: string, user: string): PlainState | undefined {
  if (text.charCodeAt(0) !== OPEN) return undefined;
  let own: { from: number; to: number } | undefined;
  let view: string | undefined;
  let at = 1;
  if (text.charCodeAt(at) === CLOSE) at += 1;
  else for (let more = true; more;) {
    const from = at;
    const colon = endOfString(text, at);
    if (colon === NOT_PLAIN || text.charCodeAt(colon) !== COLON) return undefined;
    // Who was shown its own state says the stamp again, with whatever letters are in it.
    const to = text.startsWith(user, colon + 1) ? colon + 1 + user.length : endOfValue(text, colon + 1, 1);
    if (to === NOT_PLAIN) return undefined;
    if (colon - from === USER.length && text.startsWith(USER, from)) {
      if (own !== undefined) return undefined;
      own = { from, to };
    } else if (colon - from === VIEW.length && text.startsWith(VIEW, from)) {
      if (view !== undefined) return undefined;
      view = text.slice(colon + 1, to);
    }
    const next = text.charCodeAt(to);
    if (next !== COMMA && next !== CLOSE) return undefined;
    more = next === COMMA;
    at = to + 1;
  }
  if (at !== text.length) return undefined;
  if (own !== undefined) return { json: `${text.slice(0, own.from)}${USER}:${user}${text.slice(own.to)}`, view };
  return { json: `${text.slice(0, -1)}${text.length > 2 ? ',' : ''}${USER}:${user}}`, view };
}

/** Where the value that begins at `at` ends. */
function endOfValue(text: string, at: number, depth: number): number {
  const first = text.charCodeAt(at);
  if (first === QUOTE) return endOfString(text, at);
  if (first === MINUS || isDigit(first)) return endOfNumber(text, at);
  if (first === OPEN) return endOfMembers(text, at + 1, depth + 1, CLOSE);
  if (first === OPEN_LIST) return endOfMembers(text, at + 1, depth + 1, CLOSE_LIST);
  if (text.startsWith('true', at) || text.startsWith('null', at)) return at + 4;
  return text.startsWith('false', at) ? at + 5 : NOT_PLAIN;
}

/** The same for what is in an object or a list, and the bracket that closes it. */
function endOfMembers(text: string, start: number, depth: number, close: typeof CLOSE | typeof CLOSE_LIST): number {
  if (depth > MAX_DEPTH) return NOT_PLAIN;
  if (text.charCodeAt(start) === close) return start + 1;
  for (let at = start;; at += 1) {
    if (close === CLOSE) {
      at = endOfString(text, at);
      if (at === NOT_PLAIN || text.charCodeAt(at) !== COLON) return NOT_PLAIN;
      at += 1;
    }
    at = endOfValue(text, at, depth);
    if (at === NOT_PLAIN) return NOT_PLAIN;
    const next = text.charCodeAt(at);
    if (next === close) return at + 1;
    if (next !== COMMA) return NOT_PLAIN;
  }
}

function endOfString(text: string, start: number): number {
  if (text.charCodeAt(start) !== QUOTE) return NOT_PLAIN;
  for (let at = start + 1;; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    // past the end there is no code, which is not within either
    if (!(code >= FIRST_PRINTABLE && code <= LAST_PRINTABLE) || code === BACKSLASH) return NOT_PLAIN;
  }
}

function endOfNumber(text: string, start: number): number {
  const whole = text.charCodeAt(start) === MINUS ? start + 1 : start;
  let at = endOfDigits(text, whole);
  // no digit, or one that must be the only one; and the zero that has a sign
  if (at === whole || (text.charCodeAt(whole) === ZERO && (at > whole + 1 || whole > start))) return NOT_PLAIN;
  if (text.charCodeAt(at) === POINT) {
    const fraction = at + 1;
    at = endOfDigits(text, fraction);
    if (at === fraction) return NOT_PLAIN;
  }
  // what comes behind is looked at by whoever asked: an exponent is no comma
  return at - start > MAX_NUMBER ? NOT_PLAIN : at;
}

function endOfDigits(text: string, start: number): number {
  let at = start;
  while (isDigit(text.charCodeAt(at))) at += 1;
  return at;
}

const isDigit = (code: number): boolean => code >= ZERO && code <= NINE;
