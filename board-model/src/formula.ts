/**
 * The formulas of formula columns: a small expression language without loops or access to anything but the item's own
 * cells, so that evaluating anybody's formula is safe. Grammar in README.md. Never throws: a formula or an input that
 * makes no sense comes out as `{ error }`.
 */
import { MAX_TEXT_LENGTH } from './values.ts';

export type FormulaValue = number | string | boolean | null;
export type FormulaResult = { value: FormulaValue } | { error: string };
/** Answers a `{reference}`: a column's id or title. undefined: there is no such column. */
export type Lookup = (reference: string) => FormulaValue | undefined;

type Node = (lookup: Lookup) => FormulaValue;

const MAX_LENGTH = 5000; // characters of a formula
const MAX_DEPTH = 100; // nested parentheses and calls; keeps the parser off the end of the stack
/** Longest text that a formula makes of others, or results in: a thousand references to one long text would make more than a process holds. Characters. */
const MAX_RESULT_LENGTH = MAX_TEXT_LENGTH;
/** Longest text that is looked at for a number, blanks around it included. Characters. */
const MAX_NUMBER_LENGTH = 400;

class FormulaError extends Error {
  /** What it quotes may end in half a character. */
  constructor(message: string) {
    super(message.toWellFormed());
  }
}

const numberOf = (value: FormulaValue): number => {
  if (value === null || value === '') return 0;
  const number = typeof value !== 'string' ? Number(value) : value.length > MAX_NUMBER_LENGTH || value.trim() === '' ? Number.NaN : Number(value);
  if (!Number.isFinite(number)) throw new FormulaError(`"${String(value).slice(0, 40)}" is no number`);
  return number;
};
const textOf = (value: FormulaValue): string => (value === null ? '' : String(value));
/** A text that an operation makes another one of. */
const bounded = (text: string): string => (text.length > MAX_RESULT_LENGTH ? fail(`a text is longer than ${MAX_RESULT_LENGTH} characters`) : text);
const join = (texts: Iterable<string>): string => {
  let whole = '';
  for (const text of texts) whole = bounded(whole + text);
  return whole;
};
const truthOf = (value: FormulaValue): boolean => value !== null && value !== 0 && value !== '' && value !== false;
const DAY_MS = 86_400_000;
const dayOf = (value: FormulaValue): number => {
  const time = Date.parse(textOf(value).slice(0, 10));
  if (Number.isNaN(time)) throw new FormulaError('a date is missing');
  return time / DAY_MS;
};
/** Empty cells count for nothing, as in a spreadsheet. */
const numbers = (values: FormulaValue[]): number[] => values.filter((value) => value !== null && value !== '').map(numberOf);
const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);

const FUNCTIONS: Record<string, (...values: FormulaValue[]) => FormulaValue> = {
  IF: (test = null, yes = null, no = null) => (truthOf(test) ? yes : no),
  AND: (...values) => values.every(truthOf),
  OR: (...values) => values.some(truthOf),
  NOT: (value = null) => !truthOf(value),
  SUM: (...values) => sum(numbers(values)),
  AVERAGE: (...values) => (numbers(values).length === 0 ? null : sum(numbers(values)) / numbers(values).length),
  MIN: (...values) => (numbers(values).length === 0 ? null : Math.min(...numbers(values))),
  MAX: (...values) => (numbers(values).length === 0 ? null : Math.max(...numbers(values))),
  ABS: (value = null) => Math.abs(numberOf(value)),
  ROUND: (value = null, digits = 0) => {
    const scale = 10 ** Math.min(15, Math.max(-15, Math.trunc(numberOf(digits))));
    return Math.round(numberOf(value) * scale) / scale;
  },
  CONCAT: (...values) => join(values.map(textOf)),
  LEN: (value = null) => textOf(value).length,
  UPPER: (value = null) => bounded(bounded(textOf(value)).toUpperCase()),
  LOWER: (value = null) => bounded(bounded(textOf(value)).toLowerCase()),
  DAYS: (end = null, start = null) => dayOf(end) - dayOf(start),
};

const OPERATORS: Record<string, { rank: number; apply: (a: FormulaValue, b: FormulaValue) => FormulaValue }> = {
  '=': { rank: 1, apply: (a, b) => textOf(a) === textOf(b) },
  '!=': { rank: 1, apply: (a, b) => textOf(a) !== textOf(b) },
  '<': { rank: 1, apply: (a, b) => numberOf(a) < numberOf(b) },
  '<=': { rank: 1, apply: (a, b) => numberOf(a) <= numberOf(b) },
  '>': { rank: 1, apply: (a, b) => numberOf(a) > numberOf(b) },
  '>=': { rank: 1, apply: (a, b) => numberOf(a) >= numberOf(b) },
  '&': { rank: 2, apply: (a, b) => join([textOf(a), textOf(b)]) },
  '+': { rank: 3, apply: (a, b) => numberOf(a) + numberOf(b) },
  '-': { rank: 3, apply: (a, b) => numberOf(a) - numberOf(b) },
  '*': { rank: 4, apply: (a, b) => numberOf(a) * numberOf(b) },
  '/': { rank: 4, apply: (a, b) => (numberOf(b) === 0 ? fail('division by zero') : numberOf(a) / numberOf(b)) },
  '%': { rank: 4, apply: (a, b) => (numberOf(b) === 0 ? fail('division by zero') : numberOf(a) % numberOf(b)) },
};

const fail = (message: string): never => {
  throw new FormulaError(message);
};

const TOKEN = /\s*(?:(\d+(?:\.\d+)?)|"((?:[^"\\]|\\.)*)"|\{([^}]*)\}|([A-Za-z]+)|(!=|<=|>=|[=<>&+\-*/%(),]))/y;

const tokenize = (source: string): string[][] => {
  const tokens: string[][] = [];
  TOKEN.lastIndex = 0;
  const end = source.trimEnd().length;
  while (TOKEN.lastIndex < end) {
    const at = TOKEN.lastIndex;
    const found = TOKEN.exec(source);
    if (found === null) return fail(`unexpected "${source.slice(at, at + 10).trim()}"`);
    tokens.push(found.slice(1));
  }
  return tokens;
};

class Parser {
  private at = 0;
  private depth = 0;
  private readonly tokens: string[][];

  constructor(source: string) {
    this.tokens = tokenize(source);
  }

  whole(): Node {
    const node = this.binary(1);
    if (this.at < this.tokens.length) fail('there is something after the end');
    return node;
  }

  private symbol(): string | undefined {
    return this.tokens[this.at]?.[4];
  }

  private expect(symbol: string): void {
    if (this.symbol() !== symbol) fail(`"${symbol}" is missing`);
    this.at++;
  }

  private binary(rank: number): Node {
    let left = rank > 4 ? this.unary() : this.binary(rank + 1);
    for (;;) {
      const operator = OPERATORS[this.symbol() ?? ''];
      if (rank > 4 || operator?.rank !== rank) return left;
      this.at++;
      const first = left;
      const second = this.binary(rank + 1);
      left = (lookup) => operator.apply(first(lookup), second(lookup));
    }
  }

  private unary(): Node {
    if (++this.depth > MAX_DEPTH) fail('nested too deeply');
    try {
      if (this.symbol() !== '-') return this.primary();
      this.at++;
      const operand = this.unary();
      return (lookup) => -numberOf(operand(lookup));
    } finally {
      this.depth--;
    }
  }

  private primary(): Node {
    const [number, string, reference, name] = this.tokens[this.at++] ?? fail('something is missing at the end');
    if (number !== undefined) return () => Number(number);
    if (string !== undefined) {
      const text = string.replace(/\\(.)/g, '$1');
      return () => text;
    }
    if (reference !== undefined) {
      return (lookup) => {
        const value = lookup(reference);
        return value === undefined ? fail(`there is no column "${reference.slice(0, 40)}"`) : value;
      };
    }
    if (name !== undefined) return this.named(name.toUpperCase());
    this.at--;
    this.expect('(');
    const inner = this.binary(1);
    this.expect(')');
    return inner;
  }

  private named(name: string): Node {
    if (name === 'TRUE' || name === 'FALSE') return () => name === 'TRUE';
    const apply = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
    if (apply === undefined) return fail(`there is no function ${name.slice(0, 40)}`);
    this.expect('(');
    const values: Node[] = [];
    while (this.symbol() !== ')') {
      if (values.length > 0) this.expect(',');
      values.push(this.binary(1));
    }
    this.expect(')');
    return (lookup) => apply(...values.map((value) => value(lookup)));
  }
}

const guarded = (work: () => FormulaValue): FormulaResult => {
  try {
    const value = work();
    if (typeof value === 'number' && !Number.isFinite(value)) return { error: 'the result is no number' };
    return { value: typeof value === 'string' ? bounded(value) : value };
  } catch (error) {
    // Anything else is the engine at the end of its stack: nobody's board may become unreadable for that.
    return { error: error instanceof FormulaError ? error.message : 'this cannot be computed' };
  }
};

/** Compiles once, for many items. */
export const compileFormula = (source: string): ((lookup: Lookup) => FormulaResult) => {
  if (source.length > MAX_LENGTH) return () => ({ error: `a formula has at most ${MAX_LENGTH} characters` });
  let node: Node;
  const compiled = guarded(() => {
    node = new Parser(source).whole();
    return null;
  });
  return (lookup) => ('error' in compiled ? compiled : guarded(() => node(lookup)));
};
