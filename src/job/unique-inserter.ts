import { formatMs } from '../base/duration.ts'
import { CeleriacError } from '../base/errors.ts'
import { differences } from '../base/json-differences.ts'
import { quote } from '../base/text.ts'
import { enqueueUnique, type UniqueAnswer, type UniqueEnqueued } from '../db/calls/unique.ts'
import { isOutcomeUnknown } from '../db/connection.ts'
import type { Database, Executor } from '../db/database.ts'
import { causeOf, faultOf, sqlStateOf } from '../db/fault.ts'
import { callerTransaction } from '../db/transaction.ts'
import type { EnqueueOutcome } from './handle.ts'
import { type NewJob, unknownOf } from './inserter.ts'
import { Outage } from './outage.ts'
import { leavesNoTrace, resent, type Shape } from './shape.ts'
import type { Waker } from './waker.ts'

/** A job with its key, ready to be enqueued. */
export interface UniqueJob extends NewJob {
  readonly key: string
}

/** What became of it. */
export interface UniqueResult {
  /** The job that has the key. */
  readonly id: string
  readonly outcome: EnqueueOutcome
  readonly differs: readonly string[]
}

/** How long a statement waits for somebody who has taken a key: alone it is tried five times, in a transaction once. */
const PATIENCE_MS = { alone: 1_000, inTransaction: 5_000 } as const

/**
 * Enqueues jobs with keys, each call in a statement of its own: it may have to wait for another transaction that holds a
 * key, and nobody else should wait with it.
 */
export class UniqueInserter {
  readonly #database: Database
  readonly #waker: Waker

  constructor(database: Database, waker: Waker) {
    this.#database = database
    this.#waker = waker
  }

  /**
   * Enqueues jobs, all of them or none; the results come in order. One whose answer is lost is sent again: by its id the
   * server knows what it came to.
   *
   * @throws {CeleriacError} `UNIQUE_…`, `JOB_EXISTS`, and what `Inserter.insert` throws.
   */
  async insert(jobs: readonly UniqueJob[]): Promise<UniqueResult[]> {
    const outage = new Outage(this.#database, performance.now())
    let sent = jobs
    for (;;) {
      try {
        const answer = await this.#send(sent, PATIENCE_MS.alone)
        if (answer.enqueued !== null) this.#waker.enqueued(queuesOf(jobs), answer.enqueued)
        return results(jobs, answer)
      } catch (error) {
        const doubt = sent !== jobs
        if (!doubt && isOutcomeUnknown(error)) {
          // Sent again, such a job might run a second time.
          if (jobs.some(({ shape }) => leavesNoTrace(shape))) throw unknownOf(jobs, error)
          sent = again(jobs)
        }
        if (await outage.passed(error)) continue
        throw sent === jobs || error instanceof CeleriacError || faultOf(error) === 'content'
          ? error
          : unknownOf(jobs, error)
      }
    }
  }

  /** Enqueues jobs inside a caller's transaction. */
  async insertIn(tx: unknown, jobs: readonly UniqueJob[]): Promise<UniqueResult[]> {
    const { executor, onceEnded } = callerTransaction(tx)
    const answer = await this.#send(jobs, PATIENCE_MS.inTransaction, executor)
    if (answer.enqueued !== null) {
      const queues = queuesOf(jobs)
      const earliestUs = BigInt(answer.enqueued.earliestUs)
      if (onceEnded === null) this.#waker.later(queues, earliestUs)
      else onceEnded(() => this.#waker.wake(queues, earliestUs))
    }
    return results(jobs, answer)
  }

  async #send(jobs: readonly UniqueJob[], patienceMs: number, executor?: Executor): Promise<UniqueEnqueued> {
    try {
      return await enqueueUnique(this.#database, batchText(jobs), patienceMs, executor)
    } catch (error) {
      if (sqlStateOf(causeOf(error)) !== '55P03') throw error
      const [first] = jobs
      const key = jobs.length === 1 ? quote(first?.key ?? '') : `(one of ${jobs.length})`
      const facts = { key, task: taskOf(first), patience: formatMs(patienceMs) }
      throw new CeleriacError('UNIQUE_BUSY', facts, { cause: error })
    }
  }
}

/** What `enqueue_unique` takes. */
function batchText(jobs: readonly UniqueJob[]): string {
  const byShape = new Map<string, string[]>()
  for (const { id, shape, args, door, key } of jobs) {
    const limited = door === null ? '' : `,${door}`
    const item = `[${JSON.stringify(key)},["${id}",${args}${limited}]]`
    const items = byShape.get(shape.text)
    if (items === undefined) byShape.set(shape.text, [item])
    else items.push(item)
  }
  return `[${[...byShape].map(([shape, items]) => `[${shape},[${items.join(',')}]]`).join(',')}]`
}

function again(jobs: readonly UniqueJob[]): readonly UniqueJob[] {
  const shapes = new Map<Shape, Shape>()
  return jobs.map((job) => {
    const shape = shapes.get(job.shape) ?? resent(job.shape)
    shapes.set(job.shape, shape)
    return { ...job, shape }
  })
}

function results(jobs: readonly UniqueJob[], { answers }: UniqueEnqueued): UniqueResult[] {
  return jobs.map((job) => {
    const answer = answers.get(job.id)
    if (answer === undefined) return { id: job.id, outcome: 'inserted', differs: [] }
    const { outcome, jobId } = answer
    if (outcome === 'kept' || outcome === 'replaced' || outcome === 'rerun')
      return { id: jobId, outcome, differs: differing(job, answer) }
    throw refusal(job, answer)
  })
}

function refusal(job: UniqueJob, answer: UniqueAnswer): CeleriacError {
  const { outcome, jobId } = answer
  if (outcome === 'exists') return new CeleriacError('JOB_EXISTS', { jobId })
  const { key } = job
  const task = taskOf(job)
  const differs = differing(job, answer)
  const details = { details: { differs } }
  if (outcome === 'apart') return new CeleriacError('UNIQUE_APART', { jobId, key, task }, details)
  const places = differs.slice(0, 5).join(', ')
  const more = differs.length > 5 ? ` and ${differs.length - 5} more` : ''
  const text = differs.length === 0 ? 'whose args are the same' : `whose args differ at ${places}${more}`
  return new CeleriacError('UNIQUE_CONFLICT', { jobId, key, task, differing: text }, details)
}

function differing({ args }: UniqueJob, answer: UniqueAnswer): readonly string[] {
  return 'args' in answer ? differences(answer.args, JSON.parse(args)) : []
}

function taskOf(job: UniqueJob | undefined): string {
  return job === undefined ? '' : String(JSON.parse(job.shape.text).task)
}

function queuesOf(jobs: readonly UniqueJob[]): ReadonlySet<string> {
  return new Set(jobs.map(({ shape }) => shape.queue))
}
