/*
 * maintain: what somebody has to do once for the whole installation: run the jobs of dead workers elsewhere, settle
 * what expired, make tomorrow's partitions, drop old ones, and say when jobs wait for nobody. Every worker could; the
 * one that holds the leader's lock does. It calls SQL and announces; it decides nothing itself.
 */
import { findUnknownTasks, makePartitions, pruneLanes, pruneResults, runRound } from '../db/calls/maintain.ts'
import { pruneFires } from '../db/calls/schedule.ts'
import type { Database } from '../db/database.ts'
import type { Events } from '../event/events.ts'

/** How often each duty is done, and its bounds. */
const RHYTHM = {
  roundEveryMs: 550,
  /** A walk over all jobs; one that takes long is done less often, so that it never costs more than a fiftieth of the time. */
  orphansEveryMs: 15_000,
  orphansShare: 50,
  graceMs: 1_500,
  maxLosses: 3,
  pruneEveryMs: 60_000,
  lanesEveryMs: 30_000,
  reportEveryMs: 60_000,
  partitionDays: 7,
} as const

/** The facts that maintenance announces. */
export type MaintenanceFact = 'worker:rescued' | 'tasks:unknown' | 'error'

/** What maintenance needs to know. */
export interface MaintenanceOptions {
  readonly database: Database
  readonly emit: <Name extends MaintenanceFact>(name: Name, fact: Events[Name]) => void
  readonly beatMs: number
  readonly leaseMs: number
  /** How long results are kept; null for ever. */
  readonly retentionMs: number | null
  /** The worker on whose behalf it is done; null while this process is not to do it. */
  readonly accuser: () => string | null
  /** Somebody else is doing a round. */
  readonly others: () => void
}

const ROUND_AT_ONCE = 500
const PRUNED_AT_ONCE = 5_000
const LOOKED_AT = 1_000

interface Duty {
  readonly during: string
  readonly everyMs: number
  readonly work: (accuser: string) => Promise<void>
  nextAt: number
  busy: boolean
}

/** Does its duties for as long as its process leads. */
export class Maintenance {
  readonly #options: MaintenanceOptions
  readonly #duties: readonly Duty[]
  #timer: NodeJS.Timeout | undefined
  #early: NodeJS.Timeout | undefined
  readonly #working = new Set<Promise<void>>()
  #orphansAt = 0

  constructor(options: MaintenanceOptions) {
    this.#options = options
    const duty = (during: string, everyMs: number, work: Duty['work']): Duty => ({
      during,
      everyMs,
      work,
      nextAt: 0,
      busy: false,
    })
    this.#duties = [
      duty('rescuing and expiring jobs', RHYTHM.roundEveryMs, (accuser) => this.#round(accuser)),
      duty('pruning results', RHYTHM.pruneEveryMs, () => this.#prune()),
      duty('pruning lanes', RHYTHM.lanesEveryMs, () => this.#pruneLanes()),
      duty('looking for unknown tasks', RHYTHM.reportEveryMs, () => this.#report()),
    ]
  }

  start(): void {
    this.#timer = setInterval(() => this.#tick(), RHYTHM.roundEveryMs)
  }

  /** Looks now: this process has begun to lead. */
  hurry(): void {
    const [round] = this.#duties
    if (round !== undefined) round.nextAt = 0
    this.#tick()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    clearTimeout(this.#early)
    await Promise.all(this.#working)
  }

  #tick(): void {
    const accuser = this.#options.accuser()
    if (accuser === null) return
    const now = performance.now()
    for (const duty of this.#duties) {
      if (duty.busy || now < duty.nextAt) continue
      duty.busy = true
      duty.nextAt = now + duty.everyMs - 1
      const work = duty
        .work(accuser)
        .catch((error: unknown) => this.#options.emit('error', { during: duty.during, error }))
        .finally(() => {
          duty.busy = false
          this.#working.delete(work)
        })
      this.#working.add(work)
    }
  }

  async #round(accuser: string): Promise<void> {
    const { database, emit, beatMs, leaseMs, others } = this.#options
    const { graceMs, maxLosses, orphansEveryMs, orphansShare } = RHYTHM
    for (;;) {
      const begun = performance.now()
      const orphans = begun >= this.#orphansAt
      const round = await runRound(database, accuser, {
        graceMs,
        beatMs,
        leaseMs,
        maxLosses,
        orphans,
        most: ROUND_AT_ONCE,
      })
      if (round === null) return others()
      const took = performance.now() - begun
      if (orphans) this.#orphansAt = begun + Math.max(orphansEveryMs, took * orphansShare)
      let jobs = 0
      for (const { workerId, workerName, reason, rescued, failed } of round.rescues) {
        jobs += rescued + failed
        emit('worker:rescued', {
          workerId,
          name: workerName ?? workerId,
          reason: reason ?? 'nobody knows it',
          rescued,
          failed,
        })
      }
      if (jobs < ROUND_AT_ONCE && round.expired < ROUND_AT_ONCE) {
        this.#hurryFor(round.suspectInMs)
        return
      }
    }
  }

  /** A suspect is looked at again as soon as its grace is over, not a whole round later. */
  #hurryFor(suspectInMs: number | null): void {
    if (suspectInMs === null || suspectInMs >= RHYTHM.roundEveryMs || suspectInMs <= -RHYTHM.roundEveryMs)
      return
    clearTimeout(this.#early)
    this.#early = setTimeout(() => this.hurry(), Math.max(1, suspectInMs + 5))
  }

  async #prune(): Promise<void> {
    const { database, retentionMs } = this.#options
    await makePartitions(database, RHYTHM.partitionDays)
    while ((await pruneResults(database, retentionMs, PRUNED_AT_ONCE)).deleted >= PRUNED_AT_ONCE);
    while ((await pruneFires(database, retentionMs, PRUNED_AT_ONCE)) >= PRUNED_AT_ONCE);
  }

  async #pruneLanes(): Promise<void> {
    while ((await pruneLanes(this.#options.database, PRUNED_AT_ONCE)) >= PRUNED_AT_ONCE);
  }

  async #report(): Promise<void> {
    const tasks = await findUnknownTasks(this.#options.database, LOOKED_AT)
    if (tasks.length > 0) this.#options.emit('tasks:unknown', { tasks })
  }
}
