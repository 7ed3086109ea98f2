/** The tables of a results page: one column a target, then Sunday's figure against each peer's. */
import { median } from './latency.ts'
import type { TargetName } from './target.ts'

export type Value = number | null | undefined

const TITLES: Readonly<Record<TargetName, string>> = {
  sunday: 'Sunday',
  'hocuspocus-database': 'stock, database',
  'hocuspocus-memory': 'stock, no persistence',
  'hocuspocus-redis': 'stock, database and Redis',
  prototype: 'bare prototype',
  'sunday-deployed': 'Sunday',
}

/** `values` in the order of the table's columns, Sunday first. */
export function row(label: string, values: readonly Value[], digits = 2): string[] {
  const shown = (value: Value): string => (value === null || value === undefined || Number.isNaN(value) ? '–' : String(Number(value.toFixed(digits))))
  const [sunday, ...peers] = values
  const ratio = (peer: Value): string => (typeof sunday === 'number' && typeof peer === 'number' && peer !== 0 ? (sunday / peer).toFixed(2) : '–')
  return [label, ...values.map(shown), ...peers.map(ratio)]
}

export function table(targets: readonly TargetName[], rows: readonly string[][]): string {
  const peers = targets.slice(1)
  const head = ['', ...targets.map((name) => TITLES[name]), ...peers.map((name) => `Sunday ÷ ${TITLES[name]}`)]
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')
}

export const medianOf = (values: readonly number[] | undefined): Value => (values === undefined || values.length === 0 ? null : median(values))
