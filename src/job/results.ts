import { randomUUID } from 'node:crypto'
import { CeleriacError } from '../base/errors.ts'
import { registerListener } from '../db/calls/job.ts'
import { type JobOutcomeRow, readOutcomes } from '../db/calls/read-jobs.ts'
import type { Database } from '../db/database.ts'
import type { Listener } from '../db/listener.ts'
import { isSettled } from './state.ts'

/** Somebody who waits for a job. */
export interface Waiter {
  readonly jobId: string
  /** Called once the job is settled with its row, or with null when nobody knows the id. */
  readonly seen: (row: JobOutcomeRow | null) => void
  /** Called when nobody looks any more, or nobody ever can. */
  readonly failed: (error: unknown) => void
  /** Also told about every report of progress. */
  readonly progress?: (value: unknown) => void
}

/** How long this process is believed to wait, and how often it says so. */
const TTL_MS = 30_000
const RENEW_MS = 10_000
/** How long to stay registered after the last one has waited: a loop that awaits one result after another does so once. */
const LINGER_MS = 5_000
/** Pauses between reads that nothing prompted: soon at first, since a settling may have just missed the registration. */
const PAUSES_MS = [50, 250, 1_000, 2_000, 5_000] as const
/** The same while no notification arrives. */
const DEAF_PAUSES_MS = [20, 50, 100, 200, 400] as const
const MOST_IDS = 1_000

/**
 * Everybody in this process who waits for a job. They share one session that listens and one read per round: a
 * thousand waiters cost what one costs.
 */
export class Results {
  readonly #database: Database
  readonly #listener: Listener
  readonly #id = randomUUID()
  readonly #waiters = new Map<string, Set<Waiter>>()
  #due = new Set<string>()
  #reading = false
  #round = 0
  #soon = false
  #timer: NodeJS.Timeout | undefined
  #renewal: NodeJS.Timeout | undefined
  #linger: NodeJS.Timeout | undefined
  #registered: Promise<void> | undefined
  #unsubscribe: (() => void) | undefined
  #stopped = false

  constructor(database: Database, listener: Listener) {
    this.#database = database
    this.#listener = listener
  }

  /** Adds a waiter and looks at its job at once; returns the function that takes it back. */
  wait(waiter: Waiter): () => void {
    if (this.#stopped) {
      queueMicrotask(() => waiter.failed(closed()))
      return () => undefined
    }
    const known = this.#waiters.get(waiter.jobId)
    if (known === undefined) this.#waiters.set(waiter.jobId, new Set([waiter]))
    else known.add(waiter)
    this.#round = 0
    void this.#register().then(() => this.#look(waiter.jobId))
    return () => {
      const waiters = this.#waiters.get(waiter.jobId)
      waiters?.delete(waiter)
      if (waiters?.size === 0) this.#waiters.delete(waiter.jobId)
      if (this.#waiters.size === 0) this.#rest()
    }
  }

  /** Jobs that were settled in this process: nobody needs a notification to know. */
  settledHere(jobIds: readonly string[]): void {
    if (this.#waiters.size === 0) return
    for (const id of jobIds) if (this.#waiters.has(id)) this.#look(id)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    clearTimeout(this.#linger)
    clearInterval(this.#renewal)
    this.#unsubscribe?.()
    const registered = this.#registered
    this.#failAll(closed())
    if (registered !== undefined) {
      await registered
      await registerListener(this.#database, this.#id, 0).catch(() => undefined)
    }
  }

  /** Once registered, whatever settles afterwards is announced; what settled before is found by the first read. */
  #register(): Promise<void> {
    this.#listener.hold(this, true)
    clearTimeout(this.#linger)
    this.#linger = undefined
    this.#registered ??= this.#begin().catch(() => {
      // Without a session or a registration the reads below still find every result, later.
      this.#registered = undefined
    })
    return this.#registered
  }

  async #begin(): Promise<void> {
    this.#unsubscribe ??= this.#listener.subscribe({
      settled: (jobIds) => this.settledHere(jobIds),
      progress: (jobId) => this.settledHere([jobId]),
      hearing: () => this.#lookAtAll(),
    })
    await Promise.all([this.#listener.start(), registerListener(this.#database, this.#id, TTL_MS)])
    this.#renewal ??= setInterval(() => {
      registerListener(this.#database, this.#id, TTL_MS).catch(() => undefined)
    }, RENEW_MS)
    this.#renewal.unref()
  }

  /** Nobody waits any more: let the process end. Somebody may wait again soon, so the registration stays a while. */
  #rest(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#listener.hold(this, false)
    this.#linger ??= setTimeout(() => this.#withdraw(), LINGER_MS)
    this.#linger.unref()
  }

  /** Workers announce nothing more to us. */
  #withdraw(): void {
    this.#linger = undefined
    if (this.#waiters.size > 0 || this.#stopped) return
    clearInterval(this.#renewal)
    this.#renewal = undefined
    const registered = this.#registered
    this.#registered = undefined
    void registered
      ?.then(() => registerListener(this.#database, this.#id, 0))
      // It runs out by itself.
      .catch(() => undefined)
  }

  #look(jobId: string): void {
    this.#due.add(jobId)
    if (this.#soon) return
    this.#soon = true
    setImmediate(() => {
      this.#soon = false
      void this.#read()
    })
  }

  #lookAtAll(): void {
    for (const id of this.#waiters.keys()) this.#due.add(id)
    void this.#read()
  }

  async #read(): Promise<void> {
    if (this.#reading || this.#stopped) return
    this.#reading = true
    try {
      while (this.#due.size > 0) {
        const ids = [...this.#due].filter((id) => this.#waiters.has(id)).slice(0, MOST_IDS)
        for (const id of ids) this.#due.delete(id)
        if (ids.length === 0) {
          this.#due.clear()
          break
        }
        this.#tell(ids, await readOutcomes(this.#database, ids))
      }
    } catch (error) {
      // While the database is away the next round asks again; who cannot wait so long has given a timeout.
      if (error instanceof CeleriacError && error.code !== 'CONNECT_FAILED') this.#failAll(error)
    } finally {
      this.#reading = false
      this.#schedule()
    }
  }

  #tell(ids: readonly string[], rows: readonly JobOutcomeRow[]): void {
    const found = new Map(rows.map((row) => [row.id, row]))
    for (const id of ids) {
      const row = found.get(id)
      for (const waiter of [...(this.#waiters.get(id) ?? [])]) {
        if (row !== undefined && row.progress !== null) waiter.progress?.(row.progress)
        if (row === undefined || isSettled(row.state)) waiter.seen(row ?? null)
      }
    }
  }

  #failAll(error: unknown): void {
    for (const waiters of [...this.#waiters.values()]) for (const waiter of [...waiters]) waiter.failed(error)
  }

  #schedule(): void {
    if (this.#waiters.size === 0 || this.#stopped) return
    clearTimeout(this.#timer)
    const pauses = this.#listener.hearing ? PAUSES_MS : DEAF_PAUSES_MS
    const pause = pauses[Math.min(this.#round, pauses.length - 1)] ?? 5_000
    this.#round += 1
    this.#timer = setTimeout(() => {
      // Nobody else tries again what failed when this wait began.
      void this.#register()
      this.#lookAtAll()
    }, pause)
  }
}

function closed(): CeleriacError<'APP_CLOSED'> {
  return new CeleriacError('APP_CLOSED', { action: 'wait for a job' })
}
