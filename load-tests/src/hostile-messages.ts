/** The kinds of flood, and what the benchmark and the process that floods say to each other over IPC. */

export const FLOODS = {
  'refused-once': 'one socket: a bad update, refused, then bad updates without asking again',
  'signs-in-again': 'one socket: signs in again at once after each refusal, with the next bad update',
  'tokens-unasked': 'one socket: token and bad update, again and again, waiting for nothing',
  'new-sockets': '20 at a time: connect, token, bad update, close at the refusal',
  'many-sockets': '200 sockets, each as `refused-once`',
  junk: '20 sockets: random bytes, truncated frames; a new socket when one is closed',
  huge: 'one socket: bad updates of 1 MB and 100 000 structs; signs in again after each refusal',
  'valid-edits': 'one socket, a board of its own: valid edits of one cell',
  'valid-edits-many': '50 sockets, a board of their own: valid edits of a cell each',
  presence: 'one socket: presence frames, each second one junk',
  'presence-many': '50 sockets: the same',
} as const
export type FloodKind = keyof typeof FLOODS
export const FLOOD_KINDS = Object.keys(FLOODS) as FloodKind[]

export interface FloodJob {
  readonly kind: FloodKind
  readonly url: string
  readonly token: string
  /** A board that others edit. */
  readonly sharedBoard: string
  /** One that nobody else has open. */
  readonly ownBoard: string
}

export interface FloodCounts {
  /** Frames that left this process; those that the network has not taken are not counted. */
  readonly framesSent: number
  readonly bytesSent: number
  readonly refusals: number
  /** Closed by the server, by code. */
  readonly closed: Readonly<Record<string, number>>
  readonly socketsOpened: number
  readonly acks: number
}

export type ToHostile = { do: 'prepare'; kind: FloodKind } | { do: 'flood'; job: FloodJob } | { do: 'count' }
export type FromHostile = { say: 'up' } | { say: 'prepared' } | { say: 'counts'; counts: FloodCounts }
