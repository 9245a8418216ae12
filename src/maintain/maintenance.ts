/*
 * maintain: what somebody has to do once for the whole installation: run the jobs of dead workers elsewhere, settle
 * what expired, make tomorrow's partitions, drop old ones, and say when jobs wait for nobody. Every worker could; the
 * one that holds the leader's lock does. It calls SQL and announces; it decides nothing itself.
 */
import { findUnknownTasks, makePartitions, pruneResults, runRound } from '../db/calls/maintain.ts'
import type { Database } from '../db/database.ts'
import type { Bus } from '../event/bus.ts'

/** How often each duty is done, and its bounds. */
const RHYTHM = {
  roundEveryMs: 550,
  orphansEveryMs: 30_000,
  graceMs: 1_500,
  leaseMs: 15_000,
  maxLosses: 3,
  pruneEveryMs: 60_000,
  reportEveryMs: 60_000,
  partitionDays: 7,
} as const

/** What maintenance needs to know. */
export interface MaintenanceOptions {
  readonly database: Database
  readonly bus: Bus
  readonly beatMs: number
  /** How long results are kept; null for ever. */
  readonly retentionMs: number | null
  /** Whether this process leads at this moment. */
  readonly leads: () => boolean
}

const EXPIRED_AT_ONCE = 1_000
const PRUNED_AT_ONCE = 5_000
const LOOKED_AT = 1_000

interface Duty {
  readonly during: string
  readonly everyMs: number
  readonly work: () => Promise<void>
  nextAt: number
  busy: boolean
}

/** Does its duties for as long as its process leads. */
export class Maintenance {
  readonly #options: MaintenanceOptions
  readonly #duties: readonly Duty[]
  #timer: NodeJS.Timeout | undefined
  #working = new Set<Promise<void>>()
  #orphansAt = 0

  constructor(options: MaintenanceOptions) {
    this.#options = options
    const duty = (during: string, everyMs: number, work: () => Promise<void>): Duty => ({
      during,
      everyMs,
      work,
      nextAt: 0,
      busy: false,
    })
    this.#duties = [
      duty('rescuing and expiring jobs', RHYTHM.roundEveryMs, () => this.#round()),
      duty('pruning results', RHYTHM.pruneEveryMs, () => this.#prune()),
      duty('looking for unknown tasks', RHYTHM.reportEveryMs, () => this.#report()),
    ]
  }

  start(): void {
    this.#timer = setInterval(() => this.#tick(), RHYTHM.roundEveryMs)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#working)
  }

  #tick(): void {
    if (!this.#options.leads()) return
    const now = performance.now()
    for (const duty of this.#duties) {
      if (duty.busy || now < duty.nextAt) continue
      duty.busy = true
      duty.nextAt = now + duty.everyMs - 1
      const work = duty
        .work()
        .catch((error: unknown) => this.#options.bus.emit('error', { during: duty.during, error }))
        .finally(() => {
          duty.busy = false
          this.#working.delete(work)
        })
      this.#working.add(work)
    }
  }

  async #round(): Promise<void> {
    const { database, bus, beatMs } = this.#options
    const { graceMs, leaseMs, maxLosses, orphansEveryMs } = RHYTHM
    for (;;) {
      const orphans = performance.now() >= this.#orphansAt
      if (orphans) this.#orphansAt = performance.now() + orphansEveryMs
      const { rescues, expired } = await runRound(
        database,
        { graceMs, beatMs, leaseMs, maxLosses, orphans },
        EXPIRED_AT_ONCE,
      )
      for (const { workerId, workerName, rescued, failed } of rescues) {
        bus.emit('worker:rescued', { workerId, name: workerName ?? workerId, rescued, failed })
      }
      if (expired < EXPIRED_AT_ONCE) return
    }
  }

  async #prune(): Promise<void> {
    const { database, retentionMs } = this.#options
    await makePartitions(database, RHYTHM.partitionDays)
    while ((await pruneResults(database, retentionMs, PRUNED_AT_ONCE)).deleted >= PRUNED_AT_ONCE);
  }

  async #report(): Promise<void> {
    const tasks = await findUnknownTasks(this.#options.database, LOOKED_AT)
    if (tasks.length > 0) this.#options.bus.emit('tasks:unknown', { tasks })
  }
}
