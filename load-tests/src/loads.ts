/**
 * The loads: how many people on how many boards do what how often. Issues 2 and 3 name the sizes; a bare prototype of Sunday's shape
 * (commit before every broadcast, a presence lane, nothing else) was measured at the first four of issue 3, and is the bar there; the target `prototype`
 * is another of the kind, to be run beside.
 */
import type { LoadScenario } from './load.ts'
import type { TargetName } from './target.ts'

export const LOAD_NAMES = ['edits', 'cursors', 'fast-cursors', 'many-boards', 'one-board', 'cluster', 'small-cluster', 'crowd', 'deployed', 'deployed-crowd'] as const
export type LoadName = (typeof LOAD_NAMES)[number]

export interface Load {
  readonly title: string
  readonly targets: readonly TargetName[]
  /** The prototype's cores and edit p99, on a machine like the one the results here are from. */
  readonly prototype?: { readonly cores: number; readonly editP99Ms: number }
  readonly boards: number
  readonly usersPerBoard: number
  readonly nodes?: number
  readonly stuckReaders?: number
  /** Per user and second. */
  readonly edits: number
  readonly moves: number
  readonly measureMs?: number
  readonly warmUpMs?: number
}

const ONE_NODE: readonly TargetName[] = ['sunday', 'prototype', 'hocuspocus-memory']
const MANY_NODES: readonly TargetName[] = ['sunday', 'hocuspocus-redis']
const DEPLOYED: readonly TargetName[] = ['sunday-deployed']

export const LOADS: Readonly<Record<LoadName, Load>> = {
  edits: { title: 'Edits', targets: ['sunday', 'hocuspocus-database', 'hocuspocus-memory', 'prototype'], boards: 50, usersPerBoard: 20, edits: 0.5, moves: 0 },
  cursors: { title: 'Edits and cursors', targets: ONE_NODE, prototype: { cores: 0.36, editP99Ms: 28 }, boards: 50, usersPerBoard: 20, edits: 0.5, moves: 5 },
  'fast-cursors': { title: 'Edits and fast cursors', targets: ONE_NODE, prototype: { cores: 0.44, editP99Ms: 36 }, boards: 50, usersPerBoard: 20, edits: 0.5, moves: 10 },
  'many-boards': { title: 'Twice the users', targets: ONE_NODE, prototype: { cores: 0.71, editP99Ms: 89 }, boards: 100, usersPerBoard: 20, edits: 0.5, moves: 5 },
  'one-board': { title: 'Everybody on one board', targets: ONE_NODE, prototype: { cores: 0.37, editP99Ms: 69 }, boards: 1, usersPerBoard: 1000, edits: 0.1, moves: 1 },
  cluster: { title: 'Three nodes', targets: MANY_NODES, boards: 50, usersPerBoard: 21, nodes: 3, edits: 0.5, moves: 0 },
  'small-cluster': { title: 'Three nodes, a third of the users', targets: MANY_NODES, boards: 20, usersPerBoard: 15, nodes: 3, edits: 0.5, moves: 0 },
  crowd: {
    title: 'Everybody on one board, for ten minutes', targets: ['sunday'], boards: 1, usersPerBoard: 1000, stuckReaders: 1, edits: 0.1, moves: 1,
    warmUpMs: 30_000, measureMs: 600_000,
  },
  deployed: { title: 'As deployed, behind nginx', targets: DEPLOYED, boards: 25, usersPerBoard: 20, nodes: 2, edits: 0.5, moves: 5 },
  'deployed-crowd': { title: 'As deployed, behind nginx, everybody on one board', targets: DEPLOYED, boards: 1, usersPerBoard: 600, nodes: 2, edits: 0.1, moves: 1 },
}

/** How thoroughly: `quick` is a tenth of everything, to see that it works; `record` what fits a whole record into less than half an hour. */
export type Effort = 'quick' | 'normal' | 'record'

/** V8 goes on compiling for two minutes under such a load: in a server that runs for days, that is nothing to measure. */
const TIMES: Readonly<Record<Effort, { warmUpMs: number; measureMs: number }>> = {
  quick: { warmUpMs: 3000, measureMs: 5000 },
  normal: { warmUpMs: 120_000, measureMs: 30_000 },
  record: { warmUpMs: 10_000, measureMs: 20_000 },
}

export function scenarioOf(load: Load, effort: Effort, heartbeat: boolean): LoadScenario {
  const tenth = effort === 'quick' ? 10 : 1
  const boards = Math.max(1, Math.round(load.boards / tenth))
  const usersPerBoard = load.boards === 1 ? load.usersPerBoard / tenth : load.usersPerBoard
  const users = boards * usersPerBoard
  const times = TIMES[effort]
  return {
    boards,
    usersPerBoard,
    // Every user has a cell of an own item.
    itemsPerBoard: Math.max(100, usersPerBoard),
    nodes: load.nodes ?? 1,
    stuckReaders: load.stuckReaders ?? 0,
    heartbeat,
    seed: 20_261_123,
    editsPerSecond: users * load.edits,
    cursorsPerSecond: users * load.moves,
    warmUpMs: effort === 'quick' ? times.warmUpMs : (load.warmUpMs ?? times.warmUpMs),
    measureMs: effort === 'quick' ? times.measureMs : (load.measureMs ?? times.measureMs),
  }
}
