import { AsyncLocalStorage } from 'node:async_hooks'
import type { Duration } from '../base/duration.ts'
import { CeleriacError } from '../base/errors.ts'
import type { JobLog } from './job-log.ts'

/** What a handler knows of the job it runs, and what it may do with it. */
export interface JobContext {
  readonly id: string
  readonly task: string
  readonly queue: string
  readonly args: readonly unknown[]
  /** Number of this attempt, counted from 1. */
  readonly attempt: number
  readonly maxAttempts: number
  readonly priority: number
  readonly labels: Readonly<Record<string, string>>
  /** The job at the top of the family; the job itself when nobody enqueued it from a handler. */
  readonly rootId: string
  /** The job whose handler enqueued this one. */
  readonly parentId: string | null
  readonly enqueuedAt: Date
  readonly claimedAt: Date
  /** Name and id of the worker that runs it; null when the task was called directly. */
  readonly worker: { readonly id: string; readonly name: string } | null
  /** Aborts when the job is cancelled, its time is up, or the worker has to let go of it. Pass it on to whatever waits. */
  readonly signal: AbortSignal
  /** A child of the app's pino logger that names the job. */
  readonly log: JobLog
  /**
   * Reports how far the job is: any JSON value. Reports are coalesced to a few writes per second; the last one is
   * always stored.
   */
  progress(value: unknown): void
  /**
   * Ends this attempt and runs the job again, charged against `maxAttempts`.
   *
   * @param options.in - delay; the task's backoff when left out
   */
  retry(options?: { readonly in?: Duration; readonly reason?: string }): never
  /** Ends this attempt and runs the job again after `delay`, not charged against `maxAttempts`. */
  snooze(delay: Duration): never
  /** Ends the job as failed: another attempt could not mend it, and it is no error of the handler. */
  discard(reason: string): never
}

/** Carries the context through everything a handler awaits. */
export const jobStorage = new AsyncLocalStorage<JobContext>()

/**
 * The job that is running here, at any depth of calls below its handler.
 *
 * @throws {CeleriacError} `NOT_IN_JOB` outside of a handler.
 */
export function currentJob(): JobContext {
  const job = jobStorage.getStore()
  if (job === undefined) throw new CeleriacError('NOT_IN_JOB', {})
  return job
}
