import { type Duration, formatMs, toMs } from '../base/duration.ts'
import {
  CeleriacError,
  ChordError,
  isCeleriacError,
  JobCancelledError,
  JobFailedError,
  ResultTimeoutError,
} from '../base/errors.ts'
import { type Codec, decodeValue } from '../base/json.ts'
import { restoreError, type StoredError } from '../base/thrown.ts'
import { readExplanation } from '../db/calls/explain.ts'
import { cancelJobs, forgetJobs, retryJobs } from '../db/calls/job.ts'
import { killJobs } from '../db/calls/kill-jobs.ts'
import { type JobDetailRow, type JobOutcomeRow, readChildren, readDetail } from '../db/calls/read-jobs.ts'
import type { Database } from '../db/database.ts'
import { type Explanation, explanationFrom } from './explanation.ts'
import { infoFrom, type JobInfo } from './info.ts'
import { ProgressFeed } from './progress-feed.ts'
import type { Results } from './results.ts'
import type { JobState } from './state.ts'
import type { Workflow } from './workflow.ts'

/** What enqueuing a job came to. */
export interface Enqueuing {
  readonly outcome: EnqueueOutcome
  readonly differs: readonly string[]
}

/** What became of a call: a job of its own, or one that holds its key; see `unique`. */
export type EnqueueOutcome = 'inserted' | 'kept' | 'replaced' | 'rerun'

const INSERTED: Enqueuing = { outcome: 'inserted', differs: [] }

/** How long and how to wait. */
export interface WaitOptions {
  /** Rejects with `ResultTimeoutError` after this long; the job is not touched. Left out: waits for as long as it takes. */
  readonly timeout?: Duration
  /** Rejects with the signal's reason when it aborts. */
  readonly signal?: AbortSignal
}

/** The end of a job as a value. */
export type Settled<Result> =
  | { readonly ok: true; readonly value: Result }
  | { readonly ok: false; readonly error: JobFailedError | JobCancelledError }

/** What handles of an app share. */
export interface HandleContext {
  readonly database: Database
  readonly results: Results
  readonly codec: Codec | undefined
  /** The value of a job that is settled as the sum of others: of a group, or of what a job was replaced by. */
  readonly joined: (jobId: string) => Promise<unknown>
  /** The canvas of that id, or the one that a job of that id belongs to. */
  readonly workflow: (id: string) => Workflow
}

/**
 * The caller's grip on one job. It holds nothing but the id, so it can be made again from it in any process:
 * `app.job(id)`. It is never thenable: `await` a handle and you have the handle.
 */
export class JobHandle<Result = unknown> {
  readonly id: string
  readonly #context: HandleContext
  readonly #workflowId: string
  readonly #enqueuing: Enqueuing

  /** @param workflowId - left out: found by the id of the job, when the canvas is asked for something */
  constructor(id: string, context: HandleContext, workflowId: string = id, enqueuing: Enqueuing = INSERTED) {
    this.id = id
    this.#context = context
    this.#workflowId = workflowId
    this.#enqueuing = enqueuing
  }

  /**
   * What the call that gave this handle came to. With a key that another job holds: `kept` (this is that job), `replaced`
   * (that job, with the args of the call) or `rerun` (a new job, which begins once that one runs no more).
   */
  get outcome(): EnqueueOutcome {
    return this.#enqueuing.outcome
  }

  /** Where the args of the call differ from those of the job that held its key, as paths; empty when they do not. */
  get differs(): readonly string[] {
    return this.#enqueuing.differs
  }

  /** The canvas that the job belongs to; whatever it is asked throws `WORKFLOW_UNKNOWN` for a job of none. */
  get workflow(): Workflow {
    return this.#context.workflow(this.#workflowId)
  }

  /**
   * Waits for the job and returns what its handler returned.
   *
   * @throws {JobFailedError} with the handler's error as `cause`; `ChordError` when members of the group before it failed
   * @throws {JobCancelledError} when it was cancelled or expired
   * @throws {ResultTimeoutError} after `timeout`; the job goes on
   * @throws {CeleriacError} `JOB_UNKNOWN` when nobody knows the id: never committed, forgotten or pruned; `APP_CLOSED`
   * when the app stops; `NOT_MIGRATED` or `PERMISSION_DENIED` when it can never be read
   */
  async result(options: WaitOptions = {}): Promise<Result> {
    const settled = await this.settled(options)
    if (settled.ok) return settled.value
    throw settled.error
  }

  /** Waits for the job and returns its end as a value; throws only for what concerns the waiting, as `result` does. */
  async settled(options: WaitOptions = {}): Promise<Settled<Result>> {
    const row = await this.#wait(options)
    if (row === null) throw new CeleriacError('JOB_UNKNOWN', { jobId: this.id })
    return settledOf<Result>(row, this.#context)
  }

  /** The state of the job now. @throws {CeleriacError} `JOB_UNKNOWN` */
  async state(): Promise<JobState> {
    return (await this.#detail()).state
  }

  /** Everything known of the job now. @throws {CeleriacError} `JOB_UNKNOWN` */
  async info(): Promise<JobInfo> {
    const row = await this.#detail()
    const info = infoFrom(row, this.#context.codec)
    if (row.state !== 'succeeded' || row.options?.join === undefined) return info
    return { ...info, value: await this.#context.joined(this.id) }
  }

  /** Why the job is not running yet: which door holds it, who holds that, and when it may start. Also for an unknown id. */
  async explain(): Promise<Explanation> {
    return explanationFrom(await readExplanation(this.#context.database, this.id))
  }

  /** What the handler reports, as it does, from its latest report on; ends with the job. */
  progress(): AsyncIterable<unknown> {
    const { results, codec } = this.#context
    return new ProgressFeed(
      (sink) =>
        results.wait({
          jobId: this.id,
          progress: (stored) => sink.push(stored),
          seen: () => sink.end(),
          // Whoever only watches need not know that the app has stopped.
          failed: (error) => (isCeleriacError(error, 'APP_CLOSED') ? sink.end() : sink.fail(error)),
        }),
      (stored) => decodeValue(stored, codec),
    )
  }

  /**
   * Cancels the job. One that has not begun is settled at once; the handler of a running one is aborted through its
   * signal, and the job is settled when it has stopped.
   *
   * @returns `cancelled`, `requested` (it was running) or `settled` (too late; nothing changed)
   * @throws {CeleriacError} `JOB_UNKNOWN`
   */
  async cancel(options: { readonly reason?: string } = {}): Promise<'cancelled' | 'requested' | 'settled'> {
    const [done] = await cancelJobs(this.#context.database, [this.id], options.reason ?? null)
    if (done === undefined || done.outcome === 'unknown')
      throw new CeleriacError('JOB_UNKNOWN', { jobId: this.id })
    if (done.outcome === 'cancelled') this.#context.results.settledHere([this.id])
    return done.outcome
  }

  /**
   * Ends the job at once, as cancelled. One that runs is taken away from its worker: its handler is told through its
   * signal, and whatever it still writes as that job is refused; what it does elsewhere nobody can stop from here.
   *
   * @returns `killed` (it was running), `cancelled` (it had not begun) or `settled` (too late; nothing changed)
   * @throws {CeleriacError} `JOB_UNKNOWN`
   */
  async kill(options: { readonly reason?: string } = {}): Promise<'killed' | 'cancelled' | 'settled'> {
    const [done] = await killJobs(this.#context.database, [this.id], options.reason ?? null)
    if (done === undefined || done.outcome === 'unknown')
      throw new CeleriacError('JOB_UNKNOWN', { jobId: this.id })
    if (done.outcome !== 'settled') this.#context.results.settledHere([this.id])
    return done.outcome
  }

  /**
   * Runs the job again: a settled one returns to its queue with one more attempt allowed, one that waits for its
   * backoff is due now. Its id and its history stay.
   *
   * @returns `retried`, or `running` (nothing changed)
   * @throws {CeleriacError} `JOB_UNKNOWN`
   */
  async retry(): Promise<'retried' | 'running'> {
    const [done] = await retryJobs(this.#context.database, [this.id])
    if (done === undefined || done.outcome === 'unknown')
      throw new CeleriacError('JOB_UNKNOWN', { jobId: this.id })
    return done.outcome
  }

  /** Removes what is kept of the job; one that is not settled yet leaves nothing when it is. */
  async forget(): Promise<void> {
    await forgetJobs(this.#context.database, [this.id])
  }

  /** Handles of the jobs that this job's handler has enqueued, oldest first. */
  async children(): Promise<JobHandle[]> {
    const ids = await readChildren(this.#context.database, this.id)
    return ids.map((id) => new JobHandle(id, this.#context))
  }

  /** A handle written as JSON is its id. */
  toJSON(): string {
    return this.id
  }

  async #detail(): Promise<JobDetailRow> {
    const row = await readDetail(this.#context.database, this.id)
    if (row === null) throw new CeleriacError('JOB_UNKNOWN', { jobId: this.id })
    return row
  }

  #wait({ timeout, signal }: WaitOptions): Promise<JobOutcomeRow | null> {
    const timeoutMs = timeout === undefined ? null : toMs(timeout, 'timeout')
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason)
        return
      }
      let timer: NodeJS.Timeout | undefined
      const finish = (): void => {
        stop()
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
      }
      const onAbort = (): void => {
        finish()
        reject(signal?.reason)
      }
      const stop = this.#context.results.wait({
        jobId: this.id,
        seen: (row) => {
          finish()
          resolve(row)
        },
        failed: (error) => {
          finish()
          reject(error)
        },
      })
      signal?.addEventListener('abort', onAbort, { once: true })
      if (timeoutMs !== null) {
        timer = setTimeout(
          () => {
            finish()
            reject(new ResultTimeoutError({ jobId: this.id, timeout: formatMs(timeoutMs) }))
          },
          Math.min(timeoutMs, 2 ** 31 - 1),
        )
      }
    })
  }
}

/** The end of a job as a value, from its row. */
async function settledOf<Result>(row: JobOutcomeRow, context: HandleContext): Promise<Settled<Result>> {
  if (row.state === 'succeeded') {
    if (row.join !== null) return { ok: true, value: (await context.joined(row.id)) as Result }
    const value = row.empty ? undefined : decodeValue(row.value, context.codec)
    return { ok: true, value: value as Result }
  }
  const stored = row.error as StoredError | null
  const { id: jobId, task, attempt } = row
  if (row.state === 'cancelled') {
    const reason = stored?.message ?? 'cancelled'
    return {
      ok: false,
      error: new JobCancelledError({ jobId, task, reason, upstream: stored?.upstream }),
    }
  }
  return { ok: false, error: failureOf({ jobId, task, attempt }, stored) }
}

function failureOf(
  job: { readonly jobId: string; readonly task: string; readonly attempt: number },
  stored: StoredError | null,
): JobFailedError {
  if (stored === null) return new JobFailedError(job)
  const { upstream, failedIds } = stored
  if (stored.name !== 'ChordError' || !Array.isArray(failedIds))
    return new JobFailedError(job, { cause: restoreError(stored) }, { upstream })
  // What went wrong first says more than that something did; the rest is said by the class.
  const cause = stored.cause === undefined ? undefined : restoreError(stored.cause)
  return new ChordError(job, { cause }, { upstream, failedIds: failedIds.map(String) })
}
