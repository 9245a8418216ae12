import { AsyncLocalStorage } from 'node:async_hooks'
import type { Duration } from '../base/duration.ts'
import { CeleriacError } from '../base/errors.ts'
import type { TransactionClient } from '../db/open-transaction.ts'
import type { TransactionInput } from '../db/transaction.ts'
import type { LockVerb } from '../lock/lock.ts'
import type { JobLog } from './job-log.ts'

/** A signature of any kind, as far as a job needs to know it. */
export interface SignatureLike {
  readonly data: object
  toJSON(): unknown
}

/** A signature whose parameters are all filled. */
export interface StartableLike extends SignatureLike {
  enqueue(): Promise<unknown>
}

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
  /** The canvas the job is a node of; null for none. */
  readonly workflow: string | null
  /** The schedule that enqueued the job, and the instant it is for; null for none. */
  readonly schedule: { readonly name: string; readonly instant: Date } | null
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
  /**
   * Ends this job as another canvas ends, which takes its place: the job keeps its id, so whoever waits for it, follows it or
   * is to be told of its failure waits for the canvas from now on.
   *
   * In Postgres: the job's row becomes a join over the canvas, which is inserted when this attempt is settled; when it is
   * lost before, nothing of it exists.
   *
   * @throws {CeleriacError} `CANVAS_…` and whatever enqueuing it would throw; `REPLACED_TOO_OFTEN` a hundred levels deep
   */
  replace(signature: StartableLike): never
  /**
   * Adds a member to the group this job is a member of, behind those it has. It is inserted when this job succeeds, with it.
   *
   * @throws {CeleriacError} `CHORD_MISSING` when the job is no member of a group; `OPTION_CONFLICT` beside `transaction()`
   */
  addToChord(signature: StartableLike): void
  /** Enqueues a signature at once, as a child of this job, like `signature.enqueue()`; this job does not wait for it. */
  enqueueChild<Child extends StartableLike>(signature: Child): ReturnType<Child['enqueue']>
  /**
   * Runs `run` in a transaction and settles this job in it: what it writes through `tx` and the job's success are
   * committed together, or neither is. Its value is the job's result; what the handler returns afterwards is not looked
   * at, so `return job.transaction(…)`. Jobs enqueued with `task.with({ tx })` exist from then on, too.
   *
   * In Postgres: BEGIN (read committed) on a connection of the app's pool, `run`, then, last, the row of the job moves
   * to `results` if this attempt still holds it, and COMMIT. When the answer to COMMIT gets lost, the server is asked
   * what became of it. An error of `run` rolls back and is thrown on; then it may be called again.
   *
   * @throws {CeleriacError} `LEASE_LOST` when another attempt may run the job by now: nothing is committed;
   * `TX_TAKEN` inside of another one or after one; `TX_ABORTED` when `run` swallowed an error of a statement; `TX_ENDED`
   * when it sent COMMIT or ROLLBACK; `TX_UNKNOWN` when nobody can tell what became of it; `CONNECT_FAILED`
   * @example return job.transaction(async (tx) => { await tx.query('update orders …'); return 'paid' })
   */
  transaction<Result>(run: (tx: TransactionClient) => Promise<Result> | Result): Promise<Result>
  /**
   * Settles this job as succeeded with `value` in a transaction of yours: a pg client, a Kysely transaction, or whatever
   * else `tx` of a call may be. Call it last, then commit, and return.
   *
   * In Postgres: the row of the job moves to `results` in your transaction, so the job is settled when that commits, and
   * is run again when it does not. Your transaction holds the row until then.
   *
   * @throws {CeleriacError} `LEASE_LOST` when another attempt may run the job by now: your transaction can only be
   * rolled back then, and a COMMIT does that; `TX_POOL`, `TX_IDLE`, `TX_ABORTED`, `TX_UNSUPPORTED` for what `tx` is;
   * `TX_TAKEN` when it was called before
   */
  complete(tx: TransactionInput, value?: unknown): Promise<void>
  /**
   * Calls `run` while it alone, of all jobs of all processes, holds `key`. Those who ask in this process get it in the order
   * in which they asked; a function that holds a key may ask for it again. When its worker dies the key is free.
   *
   * In PostgreSQL: a session-level advisory lock of one connection of this process, which `lock_list` shows; behind a
   * transaction pooler (without `directUrl`) a row that is renewed every few seconds.
   *
   * @param key - a text of at most 1024 bytes
   * @returns what `run` returns; with `onBusy: 'skip'` whether it was skipped, and that value or who holds the key
   * @throws {CeleriacError} `LOCK_TIMEOUT` when it is still held after `timeout` (30 s); `LOCK_DEADLOCK` when whoever holds
   * it waits, in this process, for a lock held here; `LOCK_LOST` when it was not held until the end: what `run` returned is
   * refused then; `CONNECT_FAILED`
   * @example await job.lock(`feed:${url}`, ({ signal }) => fetchFeed(url, signal), { onBusy: 'skip' })
   */
  readonly lock: LockVerb
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
