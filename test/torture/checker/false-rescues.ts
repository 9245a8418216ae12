import type { Entry } from '../history/entries.ts'
import type { Bounds } from './bounds.ts'
import type { Check, Violation } from './evidence.ts'
import type { Timeline } from './timeline.ts'

/** Evidence that a worker's process may have seemed dead for a good reason comes from this long before. */
const TELLING_MS = 1_000

/**
 * Part of I2: nobody takes the jobs of a process that lives and can be heard. Such a rescue does no harm, thanks to
 * the fence, but it repeats work.
 */
export const falseRescues: Check = ({ entries, dump }, timeline, bounds) => {
  const accused = new Map<string, number>()
  for (const entry of entries) if (entry.e === 'rescued') note(accused, entry.w, entry.t)
  // Who told of it may have been killed before it could.
  for (const { outcome, workerId, endedAt } of dump.attempts) {
    // Outside of the run only where the server's clock was set.
    const within = endedAt >= (entries[0]?.t ?? 0) && endedAt <= (entries.at(-1)?.t ?? 0)
    if (outcome === 'lost' && workerId !== null && within) note(accused, workerId, endedAt)
  }
  return [...accused].flatMap(([worker, t]): Violation[] => {
    const name = timeline.processOf.get(worker)
    if (name === undefined || wasGivenUp(entries, worker, t)) return []
    if (isSilent(timeline, name, t, bounds)) return []
    return [{ invariant: 'I2', kind: 'false rescue', what: `${name} was taken for dead while it was well` }]
  })
}

/** Its process goes on under another id; nobody stands for this one any more. */
function wasGivenUp(entries: readonly Entry[], worker: string, t: number): boolean {
  const born = entries.find((entry) => (entry.e === 'worker' || entry.e === 'start') && entry.w === worker)
  return entries.some(
    (entry) => entry.e === 'evicted' && entry.p === born?.p && entry.t >= born.t && entry.t < t,
  )
}

/** How many workers were taken for dead. */
export function countRescues(entries: readonly Entry[]): number {
  return entries.filter((entry) => entry.e === 'rescued').length
}

function note(accused: Map<string, number>, worker: string, t: number): void {
  if (!accused.has(worker)) accused.set(worker, t)
}

function isSilent({ processes }: Timeline, name: string, t: number, bounds: Bounds): boolean {
  const life = processes.get(name)
  if (life === undefined || life.diedAt <= t + TELLING_MS) return true
  const least = bounds.leaseMs - bounds.beatMs - TELLING_MS
  const silences = [
    ...life.shaken.map((span) => ({ ...span, least: 0 })),
    ...life.partitioned.map((span) => ({ ...span, least })),
    ...life.frozen.map((span) => {
      const cut = life.cuts.some((at) => at >= span.from - TELLING_MS && at <= span.to)
      return { ...span, least: cut ? TELLING_MS : least }
    }),
  ]
  return silences.some(
    ({ from, to, least }) => from <= t && t <= to + TELLING_MS && Math.min(t, to) - from >= least,
  )
}
