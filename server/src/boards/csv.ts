/**
 * CSV bytes to rows and back (RFC 4180 as spreadsheets write it).
 *
 * Reading: UTF-8 with or without BOM; comma; CRLF, LF or CR between records; quoted cells may hold all of them, kept exactly. Every row
 * must be as wide as the header. Nothing is trimmed, converted or evaluated: a cell `=1+1` is the text `=1+1`.
 * Writing: LF between records, quotes only where needed. What is written reads back equal, cell by cell.
 */
import { CsvError, parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { SundayError } from '../errors.ts';

/** @throws SundayError invalid_csv with the line, payload_too_large */
export function rowsOfCsv(bytes: Uint8Array, maxRows: number): string[][] {
  const text = decode(bytes);
  let rows: string[][];
  try {
    rows = parse(text, { record_delimiter: ['\r\n', '\n', '\r'], skip_empty_lines: true, to: maxRows + 2 });
  } catch (error) {
    if (error instanceof CsvError) throw invalidCsv(describe(error), Number(error['lines'] ?? 0), error);
    throw error;
  }
  if (rows.length === 0) throw invalidCsv('There is no header row', 1);
  if (rows.length > maxRows + 1) throw new SundayError('payload_too_large', `An import has at most ${maxRows} rows`);
  return rows;
}

export function csvOfRows(rows: readonly (readonly string[])[]): string {
  // a lone empty cell must not look like an empty line, nor a lone CR in a cell like the end of a record
  return stringify(rows as string[][], { record_delimiter: '\n', quoted_match: /\r/, quoted_empty: rows[0]?.length === 1 });
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes); // drops a BOM
  } catch (cause) {
    throw invalidCsv('The file is not UTF-8: save it as "CSV UTF-8"', 1, cause);
  }
}

const invalidCsv = (message: string, line: number, cause?: unknown): SundayError =>
  new SundayError('invalid_csv', `Line ${line}: ${message}`, { extra: { line }, ...(cause === undefined ? {} : { cause }) });

/** In words for the person whose file it is; the library's message names its options. */
function describe(error: CsvError): string {
  switch (error.code) {
    case 'CSV_QUOTE_NOT_CLOSED':
      return 'a quoted cell is never closed';
    case 'CSV_INVALID_CLOSING_QUOTE':
    case 'INVALID_OPENING_QUOTE':
    case 'CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE':
      return 'a quote stands where none may: cells with quotes must be quoted, and quotes in them doubled';
    case 'CSV_RECORD_INCONSISTENT_FIELDS_LENGTH':
    case 'CSV_RECORD_INCONSISTENT_COLUMNS':
      return 'the row has not as many cells as the header';
    default:
      return 'the row cannot be read';
  }
}
