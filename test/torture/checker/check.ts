import { bounded, rateWhileIdle } from './bounded.ts'
import { BOUNDS, type Bounds, type RecoveryClass } from './bounds.ts'
import { countCanvases, edges } from './edges.ts'
import { effectsOnce } from './effects.ts'
import type { Check, Evidence, Violation } from './evidence.ts'
import { countRescues, falseRescues } from './false-rescues.ts'
import { fenced } from './fenced.ts'
import { percentile, type Spread, spreadOf } from './figures.ts'
import { fullest, limits } from './limits.ts'
import { noLeaks } from './no-leaks.ts'
import { noLoss } from './no-loss.ts'
import { noOverlap, overlaps } from './no-overlap.ts'
import { oneAuthority } from './one-authority.ts'
import { recoveries, recovers } from './recovery.ts'
import { countFires, schedules } from './schedules.ts'
import { tidy } from './tidy.ts'
import { buildTimeline } from './timeline.ts'
import { deadlocksIn, told } from './told.ts'
import { wakesUp, wakeUps } from './wake-up.ts'

const CHECKS: readonly Check[] = [
  ...[noLoss, oneAuthority, falseRescues, noOverlap, fenced, effectsOnce, bounded],
  ...[recovers, noLeaks, wakesUp, tidy, schedules, limits, edges, told],
]

/** What a run came to. */
export interface Report {
  readonly violations: readonly Violation[]
  readonly figures: Figures
}

/** The numbers that are published. */
export interface Figures {
  readonly jobs: number
  readonly attempts: number
  /** Canvases that were started. */
  readonly canvases: number
  /** Neither acknowledged nor refused. */
  readonly unanswered: number
  readonly lost: number
  readonly overlapping: number
  /** Overlaps of processes that were frozen from outside; see the third invariant. */
  readonly tolerated: number
  readonly wrongSettlements: number
  readonly stuck: number
  readonly leaked: number
  readonly rescues: number
  readonly falseRescues: number
  /** Effects outside of the job's transaction that happened more than once: at least once is all one can have there. */
  readonly repeatedEffects: number
  readonly deadlocks: number
  /** Instants of schedules that were dealt with, and what was wrong with schedules. */
  readonly fires: number
  readonly misfires: number
  /** The most that ran at once or began in a window, of what was allowed, and what was wrong with limits. */
  readonly fullest: string
  readonly beyondLimits: number
  readonly wakeUpP99: number | null
  readonly idleTransactions: number | null
  readonly recovery: Readonly<Partial<Record<RecoveryClass, Spread>>>
}

/** Judges a run. Pure: the same evidence gives the same report. */
export function check(evidence: Evidence, given: Partial<Bounds> = {}): Report {
  const bounds = { ...BOUNDS, ...given }
  const timeline = buildTimeline(evidence.entries)
  const violations = CHECKS.flatMap((one) => one(evidence, timeline, bounds))
  const count = (...kinds: string[]): number => violations.filter(({ kind }) => kinds.includes(kind)).length
  const { entries, dump } = evidence
  const ms = new Map<RecoveryClass, number[]>()
  for (const recovery of recoveries(evidence, timeline, bounds)) {
    const known = ms.get(recovery.class)
    if (known === undefined) ms.set(recovery.class, [recovery.ms])
    else known.push(recovery.ms)
  }
  return {
    violations,
    figures: {
      jobs: dump.results.length + dump.left.length,
      canvases: countCanvases(evidence),
      attempts: entries.filter(({ e }) => e === 'start').length,
      unanswered: entries.reduce((sum, entry) => sum + (entry.e === 'enq-unknown' ? entry.ks.length : 0), 0),
      lost: count('lost'),
      overlapping: count('overlap'),
      tolerated: overlaps(timeline, bounds).filter(({ tolerated }) => tolerated).length,
      wrongSettlements: count(
        'wrong settlement',
        'settled twice',
        'doubled',
        'effect doubled',
        'effect of another',
      ),
      stuck: count('stuck', 'unsettled', 'orphaned', 'unclaimed'),
      leaked: violations.filter(({ invariant }) => invariant === 'I8').length,
      rescues: countRescues(entries),
      falseRescues: count('false rescue'),
      repeatedEffects: repeated(dump.outside),
      deadlocks: deadlocksIn(evidence.printed),
      fires: countFires(evidence),
      misfires: violations.filter(({ invariant }) => invariant === 'I11').length,
      fullest: fullest(evidence),
      beyondLimits: violations.filter(({ invariant }) => invariant === 'I12').length,
      wakeUpP99: percentile(wakeUps(entries), 0.99),
      idleTransactions: rateWhileIdle(entries)?.perWorker ?? null,
      recovery: Object.fromEntries(
        [...ms].flatMap(([name, values]) => {
          const spread = spreadOf(values)
          return spread === null ? [] : [[name, spread]]
        }),
      ),
    },
  }
}

function repeated(effects: readonly { readonly jobId: string }[]): number {
  return effects.length - new Set(effects.map(({ jobId }) => jobId)).size
}
