import { isDeepStrictEqual } from 'node:util'
import { CeleriacError, isCeleriacError } from '../base/errors.ts'
import { type Enqueued, enqueueJobs } from '../db/calls/job.ts'
import { readDetail } from '../db/calls/read-jobs.ts'
import { isOutcomeUnknown } from '../db/connection.ts'
import type { Database, Executor } from '../db/database.ts'
import { faultOf } from '../db/fault.ts'
import { Batch } from './batch.ts'
import { Outage } from './outage.ts'
import { isGivenId, leavesNoTrace, type Shape, traced } from './shape.ts'
import type { Waker } from './waker.ts'

/** A job that is ready to be inserted. */
export interface NewJob {
  readonly id: string
  readonly shape: Shape
  /** JSON text. */
  readonly args: string
  /** JSON text of what limits it; null for nothing. */
  readonly door: string | null
}

/** What became of jobs that were sent together. */
export interface Inserted {
  /** Ids that were taken by other jobs. */
  readonly refused: ReadonlySet<string>
  /** Ids of jobs that may be there or not, and why nobody can know; the others are there. */
  readonly unknown: ReadonlyMap<string, CeleriacError>
}

/**
 * Inserts jobs and finds out what became of them. A connection that is lost before the answer leaves that open: then
 * the same ids are sent again, and one that is taken was ours. A job that is settled meanwhile has a result by its id.
 */
export class Inserter {
  readonly #database: Database
  readonly #waker: Waker

  constructor(database: Database, waker: Waker) {
    this.#database = database
    this.#waker = waker
  }

  /** Sends a batch once. */
  async send(jobs: readonly NewJob[], executor: Executor = this.#database): Promise<Enqueued> {
    const batch = new Batch()
    for (const { id, shape, args, door } of jobs) batch.add(id, shape, args, door)
    const enqueued = await enqueueJobs(this.#database, batch.text, executor)
    if (executor === this.#database) this.#waker.enqueued(batch.queues, enqueued)
    return enqueued
  }

  /**
   * Inserts jobs, all of them or none, and goes on through an outage of the database that is short.
   *
   * @param since - when the first of them was enqueued, by `performance.now()`
   * @throws {CeleriacError} what the server refused them with, and `ENQUEUE_UNKNOWN` when it does not come back in time
   * to be asked; `CONNECT_FAILED` when it was never asked.
   */
  async insert(jobs: readonly NewJob[], since: number): Promise<Inserted> {
    let left = jobs
    let doubt: unknown
    const unknown = new Map<string, CeleriacError>()
    const outage = new Outage(this.#database, since)
    for (;;) {
      try {
        const sent = doubt === undefined ? left : left.map((job) => ({ ...job, shape: traced(job.shape) }))
        const { refused } = await this.send(sent)
        if (doubt === undefined) return { refused: new Set(refused), unknown }
        return { refused: await this.#others(left, refused, doubt), unknown }
      } catch (error) {
        if (doubt === undefined && isOutcomeUnknown(error)) {
          doubt = error
          // Sent again, such a job might run a second time.
          for (const job of left) if (leavesNoTrace(job.shape)) unknown.set(job.id, unknownOf([job], error))
          left = left.filter(({ id }) => !unknown.has(id))
          if (left.length === 0) return { refused: new Set(), unknown }
        }
        if (await outage.passed(error)) continue
        if (isCeleriacError(error, 'ENQUEUE_UNKNOWN')) throw error
        // Refused for what it holds, it was refused the first time as well.
        throw doubt === undefined || faultOf(error) === 'content' ? error : unknownOf(left, error)
      }
    }
  }

  /**
   * Does work in a transaction, once the database is there.
   *
   * @param witness - one of the jobs it inserts: when the answer to the commit is lost, it tells for all
   * @throws {CeleriacError} `ENQUEUE_UNKNOWN`, or `CONNECT_FAILED` when nothing was inserted.
   */
  async transaction(witness: NewJob, work: (executor: Executor) => Promise<void>): Promise<void> {
    const outage = new Outage(this.#database, performance.now())
    let begun = false
    for (;;) {
      try {
        await this.#database.transaction((executor) => {
          begun = true
          return work(executor)
        })
        return
      } catch (error) {
        if (!begun && (await outage.passed(error))) continue
        if (!(error instanceof CeleriacError) || !isOutcomeUnknown(error)) throw error
        if (await this.#isThere(witness, error)) return
        throw new CeleriacError(error.code, error.facts, { cause: error.cause })
      }
    }
  }

  /**
   * Whether a job was inserted by a transaction that may still be under way: inserting it again waits for that one, and
   * is taken back.
   */
  async #isThere(witness: NewJob, doubt: CeleriacError): Promise<boolean> {
    if (leavesNoTrace(witness.shape)) throw unknownOf([witness], doubt)
    const outage = new Outage(this.#database, performance.now())
    for (;;) {
      try {
        const job = { ...witness, shape: traced(witness.shape) }
        return await this.#database.rehearse(
          async (executor) => (await this.send([job], executor)).refused.length > 0,
        )
      } catch (error) {
        if (!(await outage.passed(error))) throw unknownOf([witness], error)
      }
    }
  }

  /** Of the ids that are taken, those that others took: an id of our making is ours, one that was chosen may not be. */
  async #others(
    jobs: readonly NewJob[],
    taken: readonly string[],
    doubt: unknown,
  ): Promise<ReadonlySet<string>> {
    const others = new Set<string>()
    for (const job of jobs.filter(({ id, shape }) => taken.includes(id) && isGivenId(shape))) {
      const there = await readDetail(this.#database, job.id).catch((error: unknown) => {
        throw unknownOf([job], error)
      })
      if (there === null) throw unknownOf([job], doubt)
      const task = JSON.parse(job.shape.text).task
      if (there.task !== task || !isDeepStrictEqual(there.args, JSON.parse(job.args))) others.add(job.id)
    }
    return others
  }
}

/** Nobody can tell whether these jobs are enqueued. */
export function unknownOf(jobs: readonly NewJob[], error: unknown): CeleriacError<'ENQUEUE_UNKNOWN'> {
  const [first] = jobs
  const what = jobs.length === 1 ? `job ${first?.id}` : `any of ${jobs.length} jobs from ${first?.id} on`
  const reason = error instanceof Error ? error.message : String(error)
  return new CeleriacError(
    'ENQUEUE_UNKNOWN',
    { jobs: what, reason },
    { cause: error, details: { jobIds: jobs.map(({ id }) => id) } },
  )
}
