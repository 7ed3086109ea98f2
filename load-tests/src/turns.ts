/**
 * Whose turn it is where several servers are up at once and loaded one after the other, again and again: a machine that is now quicker, now slower,
 * is so for all of them. All times are ms.
 */

/** One server's turns among those of all. */
export interface Turns {
  readonly index: number
  readonly of: number
  readonly turnMs: number
}

export interface Span {
  readonly from: number
  readonly to: number
}

/** @param atMs since the load began. Without turns it is always one's own. */
export const isOwn = (turns: Turns | undefined, atMs: number): boolean => turns === undefined || Math.floor(atMs / turns.turnMs) % turns.of === turns.index

/** What is one's own between two times. */
export function ownSpans(turns: Turns | undefined, from: number, to: number): Span[] {
  if (turns === undefined) return [{ from, to }]
  const spans: Span[] = []
  for (let at = turns.index * turns.turnMs; at < to; at += turns.of * turns.turnMs) {
    const span = { from: Math.max(from, at), to: Math.min(to, at + turns.turnMs) }
    if (span.from < span.to) spans.push(span)
  }
  return spans
}
