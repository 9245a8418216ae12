import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { VERSION } from '../base/version.ts'
import {
  type HeartbeatAnswer,
  lockPresence,
  recordHeartbeat,
  registerWorker,
  unlockPresence,
} from '../db/calls/worker.ts'
import type { Database, Executor } from '../db/database.ts'
import type { GuardEntry, WorkerSnapshot } from '../worker/guard.ts'
import { Pulse } from '../worker/pulse.ts'

/** What a sentry needs of its guard. */
export interface SentryPost {
  readonly database: Database
  /** The session heartbeats go over. */
  readonly session: Executor
  readonly beatMs: number
  readonly leaseMs: number
  /** Whether sessions last, so that they can hold locks. */
  readonly sessions: boolean
  /** Asks the main loop; null when it does not answer in time. */
  readonly snapshot: (workerId: string) => Promise<WorkerSnapshot | null>
  readonly answered: (workerId: string, answer: HeartbeatAnswer, idle: boolean) => void
  readonly failed: (workerId: string, error: unknown) => void
  readonly fenced: (workerId: string, silentMs: number) => void
  readonly unfenced: (workerId: string) => void
  /** Ends the process at once. */
  readonly kill: (why: string) => void
}

/** Before the lease is over: handlers are told, then those that must not go on are killed with their process. */
const FENCE_BEFORE_MS = 5_000
const KILL_BEFORE_MS = 1_000

/**
 * Stands for one worker: beats, holds its lock, notices when it is not heard any more, and does not vouch for a main
 * loop that stands still for ever.
 */
export class Sentry {
  readonly entry: GuardEntry
  readonly #post: SentryPost
  readonly #key: string | null
  readonly #pulse: Pulse
  #timer: NodeJS.Timeout | undefined
  #beating = false
  #quiet = false
  #known = false
  #fenced = false
  /** When the last heartbeat was sent that was answered, in ms of the monotonic clock. */
  #heardAt = performance.now()
  #ticks = 0
  #tickedAt = performance.now()
  #tasks: readonly string[]

  constructor(entry: GuardEntry, post: SentryPost) {
    this.entry = entry
    this.#post = post
    this.#key = post.sessions ? newKey() : null
    this.#pulse = new Pulse(entry.pulse)
    this.#tasks = entry.tasks
  }

  /** Whether maintenance may be done in its name. */
  get fit(): boolean {
    return this.#known && !this.#quiet
  }

  /** Enters the worker; its lock has to be held by then, so that nobody finds the row without it. */
  async enter(): Promise<void> {
    const { id, name, queues, tasks, concurrency, fresh } = this.entry
    const sentAt = performance.now()
    await registerWorker(
      this.#post.database,
      {
        id,
        presenceKey: this.#key,
        name,
        host: hostname(),
        pid: process.pid,
        version: VERSION,
        queues,
        tasks,
        concurrency,
        fresh,
      },
      this.#post.session,
    )
    this.#known = true
    this.#heardAt = sentAt
    this.#tickedAt = sentAt
    this.#arm()
  }

  /** Takes the lock on a session; a shared one may be taken twice. */
  async lock(session: Executor): Promise<void> {
    if (this.#key !== null) await lockPresence(session, this.#key)
  }

  async unlock(session: Executor): Promise<void> {
    if (this.#key !== null) await unlockPresence(session, this.#key)
  }

  /** Beats no more. */
  quiet(): void {
    this.#quiet = true
    clearTimeout(this.#timer)
  }

  /** Beats once, now. */
  async beat(): Promise<void> {
    if (this.#beating || this.#quiet || !this.#known) return
    this.#beating = true
    const { id } = this.entry
    try {
      const snapshot = await this.#post.snapshot(id)
      if (snapshot !== null) this.#tasks = snapshot.tasks
      const sentAt = performance.now()
      const answer = await recordHeartbeat(
        this.#post.database,
        {
          id,
          tasks: this.#tasks,
          running: snapshot?.running ?? this.#pulse.running,
          idle: snapshot?.idle ?? false,
          stopping: snapshot?.stopping ?? false,
          stats: { ...snapshot?.stats, loopAgeMs: Math.round(sentAt - this.#tickedAt) },
          attempts: snapshot?.attempts ?? [],
          beatMs: this.#post.beatMs,
        },
        this.#post.session,
      )
      this.#heardAt = sentAt
      if (!answer.known) this.#known = false
      if (this.#fenced) this.#unfence()
      if (!this.#quiet) this.#post.answered(id, answer, snapshot?.idle ?? false)
    } catch (error) {
      if (!this.#quiet) this.#post.failed(id, error)
    } finally {
      this.#beating = false
    }
  }

  /** Looks whether the worker is still heard, and its main loop still goes round. */
  watch(now: number): void {
    if (this.#quiet || !this.#known) return
    const { leaseMs } = this.#post
    const silentMs = now - this.#heardAt
    if (!this.#fenced && silentMs >= leaseMs - FENCE_BEFORE_MS) {
      this.#fenced = true
      this.#pulse.fenced = true
      this.#post.fenced(this.entry.id, silentMs)
    }
    if (silentMs >= leaseMs - KILL_BEFORE_MS && this.#pulse.killable > 0) {
      this.#post.kill(
        `the database has not answered for ${seconds(silentMs)}, and a job runs that must not go on without it (onUnreachable: 'kill')`,
      )
    }
    this.#watchLoop(now)
  }

  #watchLoop(now: number): void {
    const { ticks } = this.#pulse
    if (ticks !== this.#ticks) {
      this.#ticks = ticks
      this.#tickedAt = now
      return
    }
    const { maxBlockMs } = this.entry
    const stillMs = now - this.#tickedAt
    if (maxBlockMs === null || stillMs < maxBlockMs) return
    this.#post.kill(`its main loop has stood still for ${seconds(stillMs)} (maxBlock)`)
  }

  /** The process was frozen: neither its own silence nor that of its main loop counts until it had time to beat. */
  thawed(now: number): void {
    this.#tickedAt = now
    void this.beat()
  }

  #unfence(): void {
    this.#fenced = false
    this.#pulse.fenced = false
    this.#post.unfenced(this.entry.id)
  }

  #arm(): void {
    this.#timer = setTimeout(
      () => {
        void this.beat().finally(() => {
          if (!this.#quiet) this.#arm()
        })
      },
      this.#post.beatMs * (0.95 + Math.random() * 0.1),
    )
  }
}

/** Random: equal host names or process ids must not give equal keys. */
function newKey(): string {
  return randomBytes(8).readBigInt64BE().toString()
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`
}
