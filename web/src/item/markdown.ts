/**
 * Markdown to safe HTML: marked for the syntax, raw HTML shown as the text it is, and DOMPurify with an allow-list over the result. Links
 * open outside, images are not loaded. It never throws: what cannot be parsed is shown as it was written.
 */
import DOMPurify from 'dompurify';
import { Marked } from 'marked';

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escapeHtml = (text: string): string => text.replaceAll(/[&<>"']/g, (char) => ESCAPES[char] ?? char);

const marked = new Marked({
  gfm: true,
  breaks: true,
  async: false,
  // even a parser's inert document reports an inline handler as a CSP violation: raw HTML never gets that far
  renderer: { html: ({ text }) => escapeHtml(text) },
});

const ALLOWED_TAGS = [
  'a',
  'b',
  'blockquote',
  'br',
  'code',
  'del',
  'em',
  'h1',
  'h2',
  'h3',
  'h4',
  'h5',
  'h6',
  'hr',
  'i',
  'input',
  'li',
  'ol',
  'p',
  'pre',
  's',
  'strong',
  'sub',
  'sup',
  'table',
  'tbody',
  'td',
  'th',
  'thead',
  'tr',
  'ul',
];
const ALLOWED_ATTR = ['href', 'title', 'type', 'checked', 'disabled', 'align', 'start'];

/** Attributes that hold no address, so that the rule for addresses leaves them alone. */
const NO_ADDRESSES = ALLOWED_ATTR.filter((name) => name !== 'href');

const purifier = DOMPurify(window);
purifier.addHook('afterSanitizeAttributes', (node) => {
  if (node.tagName === 'A') {
    node.setAttribute('target', '_blank');
    node.setAttribute('rel', 'noopener noreferrer nofollow');
  }
  if (node.tagName === 'INPUT' && node.getAttribute('type') !== 'checkbox') node.remove();
});

const MAX_RENDERED = 200_000; // characters: beyond this reading on one page is hopeless, and parsing would be felt

/** A few thousand nested quotes are enough for marked to run out of stack: then the text as it is. */
function parse(text: string): string {
  try {
    return marked.parse(text, { async: false });
  } catch {
    return `<p>${escapeHtml(text).replaceAll('\n', '<br>')}</p>`;
  }
}

export function renderMarkdown(text: string, tasksEnabled: boolean): string {
  const html = parse(text.slice(0, MAX_RENDERED));
  const clean = purifier.sanitize(html, { ALLOWED_TAGS, ALLOWED_ATTR, ALLOWED_URI_REGEXP: /^(https?:|mailto:)/i, ADD_URI_SAFE_ATTR: NO_ADDRESSES });
  return tasksEnabled ? clean.replaceAll(/(<input[^>]*?) disabled(="")?/g, '$1') : clean;
}

const TASK = /^(\s*(?:[-*+]|\d+[.)])\s+\[)([ xX])(\])/gm;

/** Ticks or unticks the n-th task of the text. */
export function toggleTask(text: string, index: number): string {
  let seen = -1;
  return text.replaceAll(TASK, (whole: string, head: string, mark: string, tail: string) => {
    seen++;
    return seen === index ? `${head}${mark === ' ' ? 'x' : ' '}${tail}` : whole;
  });
}
