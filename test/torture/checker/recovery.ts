import type { Entry } from '../history/entries.ts'
import type { Bounds, RecoveryClass } from './bounds.ts'
import type { Check, Evidence, Violation } from './evidence.ts'
import { meet, nextTaken, type ProcessLife, runsAt, type Span, type Timeline } from './timeline.ts'

/** How long it took until a job ran again, or until work went on. */
export interface Recovery {
  readonly class: RecoveryClass
  readonly ms: number
  readonly what: string
}

/** I7: jobs run again in time, whatever happened to those that ran them. */
export const recovers: Check = (evidence, timeline, bounds) =>
  recoveries(evidence, timeline, bounds)
    .filter((recovery) => recovery.ms > bounds.recovery[recovery.class] + bounds.slackMs)
    .map(
      (recovery): Violation => ({
        invariant: 'I7',
        kind: `late ${recovery.class}`,
        what: `${recovery.what}: ${Number.isFinite(recovery.ms) ? `${Math.round(recovery.ms)} ms` : 'never'}`,
      }),
    )

export function recoveries(evidence: Evidence, timeline: Timeline, bounds: Bounds): Recovery[] {
  return [
    ...afterDeaths(evidence, timeline, bounds),
    ...afterSilence(evidence, timeline, bounds),
    ...afterOutages(evidence, timeline),
    ...afterDroppedClaims(evidence, timeline),
    ...afterTimeLimits(evidence, timeline, bounds),
  ]
}

/** R1, and R3 where a restart of the server has taken the evidence of locks away. */
function afterDeaths({ entries, dump }: Evidence, timeline: Timeline, bounds: Bounds): Recovery[] {
  const settledBy = settledTokens(dump)
  const paced = pacedJobs(dump)
  const drainedAt = endOf(entries)
  const found: Recovery[] = []
  for (const life of workersIn(timeline)) {
    if (life.died !== 'killed' && life.died !== 'ended') continue
    for (const run of runsAt(timeline, life.name, life.diedAt)) {
      if (paced.has(run.job) || run.closedBy !== 'death' || settledBy.get(run.job)?.has(run.token) === true)
        continue
      const next = nextTaken(timeline, run)
      // Settled by others: cancelled, or failed as lost once too often.
      if (next === null && settledBy.has(run.job)) continue
      const until = next ?? drainedAt
      const trouble = troubleIn(timeline, { from: life.diedAt - bounds.leaseMs, to: until }, life)
      const from = Math.max(life.diedAt, ...trouble.map(({ to }) => (to <= until ? to : life.diedAt)))
      found.push({
        class: trouble.length === 0 ? 'R1' : 'R3',
        ms: next === null ? Number.POSITIVE_INFINITY : next - from,
        what: `${run.job} (${run.task}) after the death of ${life.name}`,
      })
    }
  }
  return found
}

/** Others of their limit may go first, and what is kept of a scheduled job may be forgotten: I11 and I12 judge these. */
function pacedJobs({ flow }: Evidence['dump']): ReadonlySet<string> {
  return new Set(flow.flow.map(({ job }) => job))
}

/** R2: a process that is frozen or cut off for longer than the class allows loses its jobs to others in time. */
function afterSilence({ dump }: Evidence, timeline: Timeline, bounds: Bounds): Recovery[] {
  const settledBy = settledTokens(dump)
  const paced = pacedJobs(dump)
  const most = bounds.recovery.R2 + bounds.slackMs
  const found: Recovery[] = []
  for (const life of workersIn(timeline)) {
    for (const silence of [...life.frozen, ...life.partitioned]) {
      const heard = silence.to - silence.from < most
      if (heard || life.diedAt < silence.from + most) continue
      for (const run of runsAt(timeline, life.name, silence.from)) {
        if (paced.has(run.job) || settledBy.get(run.job)?.has(run.token) === true) continue
        const next = nextTaken(timeline, run)
        if (next === null && settledBy.has(run.job)) continue
        const until = next ?? silence.from + most
        if (troubleIn(timeline, { from: silence.from - bounds.leaseMs, to: until }, life).length > 0) continue
        found.push({
          class: 'R2',
          ms: next === null ? Number.POSITIVE_INFINITY : next - silence.from,
          what: `${run.job} (${run.task}) after ${life.name} fell silent`,
        })
      }
    }
  }
  return found
}

/** R4: when the server is back, work goes on. */
function afterOutages({ entries }: Evidence, timeline: Timeline): Recovery[] {
  const starts = entries.filter(({ e }) => e === 'start')
  return timeline.outages.flatMap(({ to }) => {
    if (to === Number.POSITIVE_INFINITY || to > (timeline.phases.get('drain') ?? Number.POSITIVE_INFINITY))
      return []
    const next = starts.find(({ t }) => t >= to)
    // Another one came first.
    if (next === undefined || timeline.outages.some(({ from }) => from > to && from < next.t)) return []
    return [{ class: 'R4' as const, ms: next.t - to, what: 'the first start after the server was back' }]
  })
}

/** R6: jobs that were claimed in an answer that got lost. */
function afterDroppedClaims({ entries, dump }: Evidence, timeline: Timeline): Recovery[] {
  const settled = settledTokens(dump)
  const paced = pacedJobs(dump)
  const found: Recovery[] = []
  for (const drop of entries) {
    if (drop.e !== 'drop' || !drop.call.includes('work_cycle')) continue
    const life = timeline.processes.get(drop.c)
    for (const job of drop.js) {
      const runs = timeline.runs.get(job) ?? []
      // Named because it was settled, or begun before: nobody waits for it.
      if (paced.has(job) || runs.some(({ start, process }) => process === drop.c && start < drop.t)) continue
      const next = runs.find(({ start }) => start > drop.t)?.start
      if (next === undefined && settled.has(job)) continue
      const until = next ?? Number.POSITIVE_INFINITY
      if (life === undefined || life.diedAt < until || life.terminatedAt !== null) continue
      if (troubleIn(timeline, { from: drop.t, to: until }, null).length > 0) continue
      found.push({ class: 'R6', ms: until - drop.t, what: `${job} after its claim's answer got lost` })
    }
  }
  return found
}

/** R7: an attempt that never settles is settled for it. */
function afterTimeLimits({ entries }: Evidence, timeline: Timeline, bounds: Bounds): Recovery[] {
  const found: Recovery[] = []
  const settled = new Map<string, number>()
  for (const entry of entries) {
    if (entry.e !== 'settled') continue
    const key = `${entry.p} ${entry.j} ${entry.a}`
    if (!settled.has(key)) settled.set(key, entry.t)
  }
  const busy = blocksByProcess(timeline)
  for (const runs of timeline.runs.values()) {
    for (const run of runs) {
      if (run.task !== 'never') continue
      const until = settled.get(`${run.process} ${run.job} ${run.attempt}`)
      if (until === undefined) continue
      const span = { from: run.start, to: until }
      const life = timeline.processes.get(run.process)
      if (
        troubleIn(timeline, span, null).length > 0 ||
        busy.get(run.process)?.some((block) => meet(block, span))
      )
        continue
      if ([...(life?.frozen ?? []), ...(life?.partitioned ?? [])].some((one) => meet(one, span))) continue
      found.push({
        class: 'R7',
        ms: Math.max(0, until - run.start - bounds.neverMs),
        what: `${run.job} in ${run.process} past its time limit`,
      })
    }
  }
  return found
}

function blocksByProcess(timeline: Timeline): Map<string, Span[]> {
  const blocks = new Map<string, Span[]>()
  for (const runs of timeline.runs.values()) {
    for (const { task, process, start, close } of runs) {
      if (task !== 'block') continue
      blocks.set(process, [...(blocks.get(process) ?? []), { from: start, to: close }])
    }
  }
  return blocks
}

function workersIn(timeline: Timeline): ProcessLife[] {
  return [...timeline.processes.values()].filter(({ role }) => role === 'worker')
}

/** Tokens that a final row or a recorded failure shows, by job. */
function settledTokens({ results, attempts }: Evidence['dump']): Map<string, Set<number>> {
  const tokens = new Map<string, Set<number>>()
  const note = (job: string, token: number): void => {
    const known = tokens.get(job)
    if (known === undefined) tokens.set(job, new Set([token]))
    else known.add(token)
  }
  for (const { id, token } of results) note(id, token)
  for (const { jobId, token, outcome } of attempts) if (outcome !== 'lost') note(jobId, token)
  return tokens
}

/** What else went on: outages, and other processes that were silent, one of which may have been the one to rescue. */
function troubleIn({ outages, processes }: Timeline, span: Span, self: ProcessLife | null): Span[] {
  const others = [...processes.values()].filter((life) => life !== self)
  return [...outages, ...others.flatMap(({ frozen, partitioned }) => [...frozen, ...partitioned])].filter(
    (one) => meet(one, span),
  )
}

function endOf(entries: readonly Entry[]): number {
  return entries.at(-1)?.t ?? 0
}
