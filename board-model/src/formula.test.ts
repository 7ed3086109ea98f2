import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import * as Y from 'yjs';
import { compileFormula, type FormulaValue } from './formula.ts';
import { asColumnId, computeColumns, createItem, initBoard, listItems } from './index.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
console.log(`board-model formulas: FUZZ_SEED=${SEED}`);

const cells: Record<string, FormulaValue> = { Price: 2.5, Count: 4, Name: 'Pear', Empty: null, Done: true, Start: '2024-02-28', End: '2024-03-01T10:00Z' };
const run = (source: string): unknown => compileFormula(source)((reference) => (Object.hasOwn(cells, reference) ? cells[reference] : undefined));

test('formulas compute', () => {
  const cases: [string, FormulaValue][] = [
    ['1 + 2 * 3', 7], ['(1 + 2) * 3', 9], ['-2 * -{Count}', 8], ['10 - 3 - 2', 5], ['8 / 4 / 2', 1], ['7 % 4', 3], ['{Price} * {Count}', 10], ['"a" & "b\\"" & 1', 'ab"1'], ['{Count} > 3 ', true], ['1 + 1 = 2', true],
    ['IF({Done}, "yes", "no")', 'yes'], ['if(NOT({Done}), 1, 2)', 2], ['SUM({Price}, {Count}, {Empty})', 6.5], ['AVERAGE({Empty})', null], ['MIN(3, 1, 2)', 1], ['MAX({Count}, {Price})', 4], ['ROUND(2.345, 2)', 2.35],
    ['ABS(-1)', 1], ['CONCAT({Name}, "-", {Count})', 'Pear-4'], ['LEN({Name})', 4], ['UPPER({Name})', 'PEAR'], ['DAYS({End}, {Start})', 2], ['TRUE', true], ['{Empty} + 1', 1], ['AND(1, "x")', true], ['OR(0, "")', false],
  ];
  for (const [source, value] of cases) assert.deepEqual(run(source), { value }, source);
});

test('a formula that makes no sense says why', () => {
  for (const source of ['', '1 +', '(1', '1 2', '{Nope}', 'EVIL()', 'constructor(1)', '1 / 0', '{Name} * 2', '"open', 'SUM(1,', '('.repeat(5000), `${'('.repeat(2000)}1`, 'x'.repeat(6000), '{__proto__}', 'DAYS({Empty}, {Start})']) {
    assert.ok('error' in (run(source) as object), source.slice(0, 40));
  }
});

test('no formula throws', () => {
  const token = fc.constantFrom('1', '2.5', '"x"', '{Price}', '{Name}', '{Empty}', '(', ')', ',', '+', '-', '*', '/', '%', '&', '=', '<', '>=', 'IF', 'SUM', 'ROUND', 'DAYS', 'toString', ' ');
  fc.assert(fc.property(fc.array(token, { maxLength: 20 }), (tokens) => void run(tokens.join(''))), { seed: SEED, numRuns: 2000 });
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (source) => void run(source)), { seed: SEED, numRuns: 500 });
});

test('formula and auto number columns show on every item, and failures as invalid', () => {
  const doc = new Y.Doc();
  const ctx = { userId: 'anna' };
  initBoard(doc, { name: 'x', columns: [
    { id: asColumnId('n'), type: 'number', title: 'N' }, { id: asColumnId('auto'), type: 'auto_number', title: '#' },
    { id: asColumnId('f'), type: 'formula', title: 'F', settings: { formula: '{N} * 2 + {#}' } }, { id: asColumnId('bad'), type: 'formula', title: 'B', settings: { formula: '{F}' } }, { id: asColumnId('none'), type: 'formula', title: '-' },
  ] }, ctx);
  createItem(doc, { name: 'second', values: { n: 10 } }, { ...ctx, at: 2000 });
  createItem(doc, { name: 'first', values: { n: 1 } }, { ...ctx, at: 1000 });
  const items = computeColumns(doc, listItems(doc));
  assert.deepEqual(items.map(({ name, values }) => [name, values]), [['second', { n: 10, auto: 2, f: 22 }], ['first', { n: 1, auto: 1, f: 3 }]]);
  assert.deepEqual(items[0]?.invalid, { bad: 'there is no column "F"' });
});
