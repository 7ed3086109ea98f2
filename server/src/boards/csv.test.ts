import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { SundayError } from '../errors.ts';
import { csvOfRows, rowsOfCsv } from './csv.ts';

const read = (text: string): string[][] => rowsOfCsv(new TextEncoder().encode(text), 100);

const refusal = (text: string | Uint8Array): SundayError => {
  try {
    rowsOfCsv(typeof text === 'string' ? new TextEncoder().encode(text) : text, 100);
  } catch (error) {
    assert(error instanceof SundayError);
    return error;
  }
  throw new Error('it was read');
};

test('BOM, CRLF, quoted newlines and quotes are read exactly', () => {
  assert.deepEqual(read('\uFEFFName,Note\r\na,"one\r\ntwo"\r\n"b ""x""", spaced \r\n'), [['Name', 'Note'], ['a', 'one\r\ntwo'], ['b "x"', ' spaced ']]);
});

test('records may end differently in one file, and blank lines are skipped', () => {
  assert.deepEqual(read('a,b\r\n1,2\n3,4\r5,6\n\n'), [['a', 'b'], ['1', '2'], ['3', '4'], ['5', '6']]);
});

test('a formula-like cell is text', () => {
  assert.deepEqual(read('a\n=1+1\n@SUM(A1)\n-1'), [['a'], ['=1+1'], ['@SUM(A1)'], ['-1']]);
});

test('broken CSV tells the line', () => {
  const open = refusal('a,b\n1,2\n3,"never closed\n');
  assert.equal(open.code, 'invalid_csv');
  const short = refusal('a,b\n1,2\n3\n');
  assert.equal(short.code, 'invalid_csv');
  assert.equal(short.extra?.['line'], 3);
  assert.match(short.message, /not as many cells/);
  assert.equal(refusal('a,b\n1,2"x\n').code, 'invalid_csv');
  assert.equal(refusal('').code, 'invalid_csv');
  assert.match(refusal(new Uint8Array([0xff, 0xfe, 0x41, 0x00])).message, /UTF-8/);
});

test('more rows than an import may have are refused', () => {
  assert.equal(refusal(`a\n${'x\n'.repeat(101)}`).code, 'payload_too_large');
  assert.equal(read(`a\n${'x\n'.repeat(100)}`).length, 101);
});

test('what is written reads back equal, cell by cell', () => {
  const cell = fc.string({ unit: fc.constantFrom('a', ' ', ',', '"', '\n', '\r', '\t', '=', '😀', '\\'), maxLength: 8 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }).chain((width) => fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 20 })), (rows) => {
      assert.deepEqual(read(csvOfRows(rows)), rows);
    }),
  );
});
