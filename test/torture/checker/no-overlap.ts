import type { Bounds } from './bounds.ts'
import type { Check, Violation } from './evidence.ts'
import type { Run, Span, Timeline } from './timeline.ts'

/** Two attempts of one job at the same time. */
export interface Overlap {
  readonly first: Run
  readonly second: Run
  readonly ms: number
  /** Nobody can do better: the first one's process was stopped from outside, and woke up to work for a moment. */
  readonly tolerated: boolean
}

/** What the clocks of two processes may differ in what they write down about one instant. */
const BLUR_MS = 1
const CLAIM_TO_START_MS = 500

/**
 * I3: attempts of a job do not overlap. Only a process that was frozen past what others can tell from death may go on
 * beside the next attempt, and for no longer than it takes to notice.
 */
export const noOverlap: Check = (_, timeline, bounds) =>
  overlaps(timeline, bounds)
    .filter(({ tolerated }) => !tolerated)
    .map(
      ({ first, second, ms }): Violation => ({
        invariant: 'I3',
        kind: 'overlap',
        what:
          `${first.job} (${first.task}): token ${first.token} in ${first.process} and token ${second.token} in ` +
          `${second.process} ran at once for ${Math.round(ms)} ms`,
      }),
    )

export function overlaps(timeline: Timeline, bounds: Bounds): Overlap[] {
  const found: Overlap[] = []
  for (const runs of timeline.runs.values()) {
    for (const [index, first] of runs.entries()) {
      for (const second of runs.slice(index + 1)) {
        const from = second.start
        const to = Math.min(first.close, second.close)
        if (to - from <= BLUR_MS) continue
        found.push(judge(first, second, { from, to }, timeline, bounds))
      }
    }
  }
  return found
}

function judge(
  first: Run,
  second: Run,
  { from, to }: { from: number; to: number },
  timeline: Timeline,
  bounds: Bounds,
): Overlap {
  // Whichever of the two was frozen is the one that should not have gone on; frozen twice, the better excuse counts.
  const awake = [first, second].flatMap((run) => [
    ...excuses(run, { from, to }, timeline, bounds),
    ...(isDeaf(run, { from, to }, timeline, bounds) ? [0] : []),
  ])
  const ms = Math.min(to - from, ...awake)
  return { first, second, ms, tolerated: awake.length > 0 && ms <= bounds.thawMs }
}

/** How long a run went on awake, for each time its process was frozen for longer than others had to wait. */
function excuses(
  run: Run,
  { from, to }: { from: number; to: number },
  timeline: Timeline,
  bounds: Bounds,
): number[] {
  const life = timeline.processes.get(run.process)
  return (life?.frozen ?? []).flatMap((span) => {
    // Claimed, frozen, and begun on waking up is the same as frozen while it ran.
    if (span.from > to || span.to < run.start - CLAIM_TO_START_MS) return []
    const cut = life?.cuts.some((t) => t >= span.from - bounds.graceMs && t <= span.to) === true
    const enough = cut ? bounds.graceMs : bounds.leaseMs - bounds.beatMs
    return Math.min(span.to, to) - span.from < enough ? [] : [Math.max(0, to - Math.max(from, span.to))]
  })
}

/**
 * Out of reach for so long that it was told to stop, but its loop was blocked by a handler, so that it could not hear:
 * what the policy `kill` is for.
 */
function isDeaf(run: Run, { from, to }: Span, timeline: Timeline, bounds: Bounds): boolean {
  const life = timeline.processes.get(run.process)
  const silent = life?.partitioned.some(
    (span) => span.from <= from - (bounds.leaseMs - bounds.fenceBeforeMs) && span.to >= from,
  )
  if (silent !== true) return false
  for (const runs of timeline.runs.values()) {
    for (const other of runs) {
      const blocks = other.task === 'block' && other.process === run.process
      if (blocks && other.start <= from && other.close >= to - bounds.thawMs) return true
    }
  }
  return false
}
