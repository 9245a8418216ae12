/*
 * event: facts, announced after they are committed. Rooms emit them, users listen with `app.on`, and log-lines.ts is
 * the one place that turns them into lines of a log.
 */

/** Which job a fact is about. */
export interface JobFacts {
  readonly jobId: string
  readonly task: string
  readonly queue: string
  /** Number of the attempt, counted from 1. */
  readonly attempt: number
}

/** Every fact by its name. */
export interface Events {
  'job:claimed': JobFacts & { readonly waitMs: number }
  'job:succeeded': JobFacts & { readonly durationMs: number }
  /** An attempt failed and another follows. */
  'job:retried': JobFacts & {
    readonly durationMs: number
    readonly delayMs: number
    readonly error: unknown
    readonly expected: boolean
  }
  /** The last attempt failed. */
  'job:failed': JobFacts & {
    readonly durationMs: number
    readonly error: unknown
    readonly expected: boolean
  }
  /** Its handler let another canvas take its place; it settles as that does. */
  'job:replaced': JobFacts & { readonly durationMs: number }
  'job:snoozed': JobFacts & { readonly delayMs: number }
  /** Its handler met a limit that somebody else sets: the job goes back uncharged, and the limits are held. */
  'job:limited': JobFacts & {
    readonly delayMs: number
    readonly limits: readonly string[]
    readonly reason: string
  }
  'job:cancelled': JobFacts & { readonly reason: string }
  /** Given back before it began, or (`begun`) by a worker that stops while its handler still ran. */
  'job:released': JobFacts & { readonly begun: boolean }
  /** This worker no longer holds the job; whatever its handler still does is refused. */
  'job:lost': JobFacts
  'worker:started': {
    readonly workerId: string
    readonly name: string
    readonly queues: readonly string[]
    readonly concurrency: number
  }
  'worker:stopping': { readonly workerId: string; readonly name: string; readonly running: number }
  'worker:stopped': { readonly workerId: string; readonly name: string }
  /** The control session ended without our doing; it is being reopened. */
  'worker:disconnected': { readonly workerId: string; readonly error: unknown }
  'worker:connected': { readonly workerId: string }
  /** Others took this worker for dead; it goes on under a new id. */
  'worker:evicted': { readonly workerId: string; readonly running: number }
  /**
   * This worker could not reach the database for so long that others may soon take its jobs: it has aborted them, and
   * begins none until it is heard again.
   */
  'worker:fenced': { readonly workerId: string; readonly silentMs: number; readonly running: number }
  /** Heard again after it was fenced. */
  'worker:unfenced': { readonly workerId: string }
  /** No thread of its own watches over this process: a handler that blocks the event loop looks dead to others. */
  'guard:inline': { readonly reason: string }
  /** Connections go through a transaction pooler: workers are neither woken nor missed at once. Set `directUrl`. */
  'database:pooler': { readonly missedAfterMs: number }
  /** Somebody gave a connection of the pool back that could not be used again: inside a transaction, say. */
  'connection:leaked': { readonly leak: 'open transaction' | 'aborted transaction' | 'endless statement' }
  /** The server is not the one it was: a standby was promoted, or a backup restored. What it had not received is lost. */
  'database:failover': { readonly from: string; readonly to: string }
  /** Another worker died; its jobs run elsewhere, or failed for good. */
  'worker:rescued': {
    readonly workerId: string
    readonly name: string
    /** What showed that it is dead. */
    readonly reason: string
    readonly rescued: number
    readonly failed: number
  }
  /** Due jobs wait for tasks that no worker of their queue has registered. */
  'tasks:unknown': { readonly tasks: readonly { readonly task: string; readonly jobs: number }[] }
  /** A lock was lost while the function under it ran: its session ended, or its lease was not renewed in time. */
  'lock:lost': { readonly key: string; readonly fence: number; readonly jobId: string | null }
  /** Sessions do not last here (a transaction pooler): locks are leases, which outlive a dead process. Set `directUrl`. */
  'lock:leased': { readonly leaseMs: number }
  /** Tasks use limits that nobody has declared or set: these limit nothing. */
  'limits:unknown': { readonly limits: readonly string[] }
  /** An instant of a schedule was dealt with here; without a job it was skipped or missed. */
  'schedule:fired': {
    readonly schedule: string
    readonly task: string
    readonly instant: Date
    readonly outcome: 'fired' | 'queued' | 'cancelled_previous' | 'skipped' | 'missed'
    readonly jobId: string | null
    readonly lateMs: number
  }
  /** A schedule cannot fire and is disabled; it is tried again once it is changed or resumed. */
  'schedule:broken': { readonly schedule: string; readonly task: string; readonly error: unknown }
  /** Whether notifications arrive; while they do not, workers look more often. */
  'listen:changed': { readonly hearing: boolean }
  /** Something went wrong that is nobody's answer; it will be tried again. */
  error: { readonly during: string; readonly error: unknown }
}

export type EventName = keyof Events
