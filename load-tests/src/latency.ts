/**
 * Latency histograms, in the shape the results files hold.
 * Guarantees: nanosecond input, three significant figures, nothing above an hour. Milliseconds come out.
 */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'

const NS_PER_MS = 1e6
const HOUR_NS = 3_600_000_000_000

export interface LatencySummary {
  readonly count: number
  readonly meanMs: number
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly maxMs: number
}

export interface Latency {
  record(ms: number): void
  summary(): LatencySummary
}

export function createLatency(): Latency {
  const histogram: RecordableHistogram = createHistogram({ lowest: 1, highest: HOUR_NS, figures: 3 })
  return {
    record(ms) {
      histogram.record(Math.max(1, Math.round(ms * NS_PER_MS)))
    },
    summary() {
      if (histogram.count === 0) return { count: 0, meanMs: 0, p50Ms: 0, p90Ms: 0, p99Ms: 0, p999Ms: 0, maxMs: 0 }
      return {
        count: histogram.count,
        meanMs: round(histogram.mean / NS_PER_MS),
        p50Ms: round(histogram.percentile(50) / NS_PER_MS),
        p90Ms: round(histogram.percentile(90) / NS_PER_MS),
        p99Ms: round(histogram.percentile(99) / NS_PER_MS),
        p999Ms: round(histogram.percentile(99.9) / NS_PER_MS),
        maxMs: round(histogram.max / NS_PER_MS),
      }
    },
  }
}

/** Three decimals: below a microsecond there is nothing to see. */
export const round = (value: number): number => Math.round(value * 1000) / 1000

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}
