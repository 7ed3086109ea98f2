/** A small seeded generator (mulberry32), so that a run can be repeated with the same arrivals. Not for secrets. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Poisson arrivals in [0, durationMs): sorted times, each with who acts. Open loop: made before anything is sent. */
export function poissonArrivals(random: () => number, perSecond: number, durationMs: number, actors: number): { atMs: number; actor: number }[] {
  const arrivals: { atMs: number; actor: number }[] = []
  const meanGapMs = 1000 / perSecond
  for (let atMs = 0; ; ) {
    atMs += -Math.log(1 - random()) * meanGapMs
    if (atMs >= durationMs) return arrivals
    arrivals.push({ atMs, actor: Math.floor(random() * actors) })
  }
}
