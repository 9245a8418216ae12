import type { FireRow, FlowRow } from '../driver/flow-tables.ts'
import { TICKING, type Ticking } from '../programs/ticks.ts'
import type { Bounds } from './bounds.ts'
import type { Check, Violation } from './evidence.ts'
import { coveredBy, troubleIn } from './flow.ts'
import { meet, type Span } from './timeline.ts'

type Violate = (kind: string, what: string) => void

/** What the ledger names of missed instants beside those that fire. */
const MOST_MISSED = 100
/** Of an instant so late nothing is made up for where `catchUp` is none; near to it either is right. */
const ON_TIME_MS = 10_000
const NEARLY_MS = 3_000
/** What a settling may take from its note to its commit. */
const COMMIT_MS = 1_500

/**
 * I11: the instants of each schedule are those of its rule, each is dealt with once, and as its policies say: none is
 * left out, as many fire as are to be made up for, and jobs overlap as they may.
 */
export const schedules: Check = ({ dump, entries }, timeline, bounds) => {
  const violations: Violation[] = []
  const violate: Violate = (kind, what) => void violations.push({ invariant: 'I11', kind, what })
  const trouble = troubleIn(timeline, entries, bounds)
  const pausedAt = entries.find((entry) => entry.e === 'paused')?.t ?? null
  const jumped = entries.some((entry) => entry.e === 'clock' && entry.c === 'postgres')
  const fires = Map.groupBy(dump.flow.fires, ({ schedule }) => schedule)
  const jobs = Map.groupBy(
    dump.flow.flow.filter(({ stamp }) => stamp !== null),
    ({ stamp }) => stamp?.[0] ?? '',
  )
  for (const [name, own] of fires) {
    const ticking = TICKING.find((one) => one.name === name)
    if (ticking === undefined) continue
    const judge = new Judge(ticking, own, jobs.get(name) ?? [], violate)
    judge.instants()
    judge.policy()
    judge.jobs()
    judge.overlaps()
    if (!jumped) judge.inTime(trouble, pausedAt, bounds)
  }
  for (const name of jobs.keys())
    if (!fires.has(name)) violate('unexplained', `${name} has jobs and no ledger`)
  return violations
}

/** How many instants were dealt with. */
export function countFires({ dump }: Parameters<Check>[0]): number {
  return dump.flow.fires.length
}

class Judge {
  readonly #ticking: Ticking
  readonly #fires: readonly FireRow[]
  readonly #flow: readonly FlowRow[]
  readonly #violate: Violate
  /** What was dealt with in one transaction. */
  readonly #batches: readonly (readonly FireRow[])[]

  constructor(ticking: Ticking, fires: readonly FireRow[], flow: readonly FlowRow[], violate: Violate) {
    this.#ticking = ticking
    this.#fires = fires.toSorted((one, other) => one.instant - other.instant)
    this.#flow = flow
    this.#violate = violate
    this.#batches = [...Map.groupBy(this.#fires, ({ firedAt }) => firedAt).values()]
  }

  get #most(): number {
    return this.#ticking.catchUp === 'all' ? this.#ticking.catchUpMax : 1
  }

  /** One after the other by the rule, from the first to the last; only a batch that is full may begin later. */
  instants(): void {
    const { name } = this.#ticking
    const full = new Set(
      this.#batches.filter(({ length }) => length >= this.#most + MOST_MISSED).map(([first]) => first),
    )
    for (const [index, fire] of this.#fires.entries()) {
      const before = this.#fires[index - 1]
      if (before === undefined) continue
      const due = this.#after(before.instant)
      if (fire.instant === due || (full.has(fire) && fire.instant > due)) continue
      if (fire.instant > due) this.#violate('missing', `${name}: ${told(due)} was left out`)
      if (fire.instant < due)
        this.#violate('off the rule', `${name}: ${told(fire.instant)} is no instant of it`)
    }
  }

  /** Of what was due at once, the latest ones fire, as many as are made up for. */
  policy(): void {
    const { name, catchUp } = this.#ticking
    for (const batch of this.#batches) {
      for (const [index, { instant, lateMs, outcome }] of batch.entries()) {
        const among = index >= batch.length - this.#most
        const tooLate = catchUp === 'none' && lateMs >= ON_TIME_MS - 1
        const either = tooLate && lateMs < ON_TIME_MS + NEARLY_MS
        const fired = outcome !== 'missed'
        if (among && either) continue
        if (fired !== (among && !tooLate))
          this.#violate(
            'policy',
            `${name}: ${told(instant)} was ${outcome}, ${index + 1} of ${batch.length}, ${Math.round(lateMs)} ms late`,
          )
      }
    }
  }

  /** One job for each instant that fired, and none for any other. */
  jobs(): void {
    const { name } = this.#ticking
    const made = new Map<number, Set<string>>()
    const inserted = new Map<number, number>()
    for (const { what, job, stamp } of this.#flow) {
      if (what !== 'in' || stamp === null) continue
      const [, instant] = stamp
      made.set(instant, (made.get(instant) ?? new Set()).add(job))
      inserted.set(instant, (inserted.get(instant) ?? 0) + 1)
    }
    for (const { instant, outcome } of this.#fires) {
      const jobs = made.get(instant)?.size ?? 0
      const due = outcome === 'missed' || outcome === 'skipped' ? 0 : 1
      if (jobs > due || (inserted.get(instant) ?? 0) > due)
        this.#violate('fired twice', `${name}: ${told(instant)} was ${outcome} and made ${jobs} jobs`)
      if (jobs < due) this.#violate('not fired', `${name}: ${told(instant)} was ${outcome} and made no job`)
      made.delete(instant)
    }
    for (const instant of made.keys())
      this.#violate('unexplained', `${name}: ${told(instant)} made a job, and the ledger does not know it`)
  }

  /** As many of its jobs at once as `overlap` allows; and none is skipped for nothing. */
  overlaps(): void {
    const { name, overlap } = this.#ticking
    const open = [...Map.groupBy(this.#flow, ({ job }) => job).values()].map(
      (life): Span => ({
        from: life[0]?.at ?? 0,
        to: life.find(({ what }) => what === 'out')?.at ?? Number.POSITIVE_INFINITY,
      }),
    )
    const most = { allow: Number.POSITIVE_INFINITY, cancel: Number.POSITIVE_INFINITY, skip: 1, queue: 2 }[
      overlap
    ]
    const [crowd] = Number.isFinite(most) ? coveredBy(open, most + 1) : []
    if (crowd !== undefined)
      this.#violate('overlap', `${name}: more than ${most} of its jobs were open at once`)
    for (const batch of this.#batches) {
      for (const [index, { instant, firedAt, outcome }] of batch.entries()) {
        if (outcome !== 'skipped') continue
        const explained =
          batch.slice(0, index).some(({ job }) => job !== null) ||
          open.some((span) => meet(span, { from: firedAt - COMMIT_MS, to: firedAt }))
        if (!explained) this.#violate('skipped', `${name}: ${told(instant)} was skipped for no job before it`)
      }
    }
  }

  /** While there is a server and a worker, nothing waits; and it goes on until it is paused. */
  inTime(trouble: readonly Span[], pausedAt: number | null, { stallMs, slackMs }: Bounds): void {
    const { name } = this.#ticking
    const excused = (span: Span): boolean => trouble.some((one) => meet(one, span))
    for (const [oldest] of this.#batches) {
      if (oldest === undefined || oldest.lateMs <= stallMs + slackMs) continue
      if (excused({ from: oldest.firedAt - oldest.lateMs, to: oldest.firedAt })) continue
      this.#violate(
        'late',
        `${name}: ${told(oldest.instant)} was dealt with ${Math.round(oldest.lateMs)} ms later`,
      )
    }
    const last = this.#fires.at(-1)
    if (last === undefined || pausedAt === null) return
    const from = last.firedAt - last.lateMs + (this.#after(last.instant) - last.instant)
    if (pausedAt - from > stallMs + slackMs && !excused({ from, to: pausedAt }))
      this.#violate(
        'late',
        `${name}: nothing was dealt with for ${Math.round(pausedAt - from)} ms before its pause`,
      )
  }

  /** The next instant, by walking there. */
  #after(instant: number): number {
    const { everyMs, seconds } = this.#ticking
    let next = instant + everyMs
    while (seconds !== undefined && !seconds.includes(new Date(next).getUTCSeconds())) next += everyMs
    return next
  }
}

const told = (instant: number): string => new Date(instant).toISOString()
