import { CeleriacError } from '../base/errors.ts'
import { type Enqueued, enqueueJobs } from '../db/calls/job.ts'
import { isConnectionError } from '../db/connection.ts'
import type { Database, Executor } from '../db/database.ts'
import { callerTransaction } from '../db/transaction.ts'
import { Batch } from './batch.ts'
import type { Shape } from './shape.ts'
import type { Waker } from './waker.ts'

/** A job that is ready to be inserted. */
export interface NewJob {
  readonly id: string
  readonly shape: Shape
  /** JSON text. */
  readonly args: string
}

interface Caller {
  readonly job: NewJob
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Statements under way at once; a third would only make the batches smaller. */
const FLIGHTS = 2
const MOST_JOBS = 1_000
const SHARED_FROM = 150
const MOST_CHARACTERS = 8_000_000

/**
 * Inserts jobs. Calls that come while a statement is under way share the next one: nobody waits for a timer, and
 * fifty callers cost little more than one.
 */
export class Enqueuer {
  readonly #database: Database
  readonly #waker: Waker
  #waiting: Caller[] = []
  #flights = 0
  #scheduled = false
  readonly #landed: (() => void)[] = []

  constructor(database: Database, waker: Waker) {
    this.#database = database
    this.#waker = waker
  }

  /** Inserts one job together with whatever else is being enqueued; settles once it is committed. */
  enqueue(job: NewJob): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job, resolve, reject })
      this.#schedule()
    })
  }

  /**
   * Inserts one job whose id a caller chose, in a statement of its own: it may have to wait for another
   * transaction that holds the same id, and nobody else should wait with it.
   */
  async enqueueAlone(job: NewJob): Promise<void> {
    await this.#insert([job], this.#database)
  }

  /** Inserts jobs inside a caller's transaction. */
  async enqueueIn(tx: unknown, jobs: Iterable<NewJob> | AsyncIterable<NewJob>): Promise<void> {
    const { executor, onceEnded } = callerTransaction(tx)
    const due = new Due()
    // All are encoded before the first is written: a bad one must not leave the others in a transaction that goes on.
    const all: NewJob[] = []
    for await (const job of jobs) all.push(job)
    for await (const batch of batches(all)) due.add(batch, await this.#insert(batch, executor))
    if (onceEnded === null) this.#waker.later(due.queues, due.earliestUs)
    else onceEnded(() => this.#waker.wake(due.queues, due.earliestUs))
  }

  /** Inserts any number of jobs: all of them or none. */
  async enqueueMany(jobs: Iterable<NewJob> | AsyncIterable<NewJob>): Promise<void> {
    const iterator = batches(jobs)
    try {
      await this.#insertAll(iterator)
    } finally {
      await iterator.return(undefined)
    }
  }

  /** Sends what is waiting; resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    while (this.#waiting.length > 0 || this.#flights > 0 || this.#scheduled) {
      await new Promise<void>((resolve) => this.#landed.push(resolve))
    }
  }

  async #insertAll(iterator: AsyncGenerator<readonly NewJob[]>): Promise<void> {
    const first = await iterator.next()
    if (first.done === true) return
    const second = await iterator.next()
    if (second.done === true) {
      await this.#insert(first.value, this.#database)
      return
    }
    const due = new Due()
    await this.#database.transaction(async (executor) => {
      const insert = async (batch: readonly NewJob[]): Promise<void> =>
        due.add(batch, await this.#insert(batch, executor))
      let sent = insert(first.value)
      for (let next: IteratorResult<readonly NewJob[]> = second; next.done !== true; ) {
        // The server works on one batch while the next is being encoded.
        const batch = next.value
        const [upcoming] = await Promise.all([iterator.next(), sent])
        sent = insert(batch)
        next = upcoming
      }
      await sent
    })
    this.#waker.wake(due.queues, due.earliestUs)
  }

  #schedule(): void {
    if (this.#scheduled || this.#flights >= FLIGHTS) return
    this.#scheduled = true
    // Calls of the same turn of the event loop go together.
    queueMicrotask(() => {
      this.#scheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    while (this.#waiting.length > 0 && this.#flights < FLIGHTS) {
      const callers = this.#take()
      this.#flights += 1
      void this.#send(callers).finally(() => {
        this.#flights -= 1
        this.#schedule()
        for (const resolve of this.#landed.splice(0)) resolve()
      })
    }
  }

  #take(): Caller[] {
    let size = 0
    let count = 0
    // Few go together, since a statement costs more than its jobs; many share the flights, since it does not.
    const share =
      this.#waiting.length < SHARED_FROM
        ? SHARED_FROM
        : Math.ceil(this.#waiting.length / (FLIGHTS - this.#flights))
    for (const { job } of this.#waiting) {
      if (count === share || count === MOST_JOBS || (count > 0 && size + job.args.length > MOST_CHARACTERS))
        break
      size += job.args.length
      count += 1
    }
    const callers = this.#waiting.slice(0, count)
    this.#waiting = count === this.#waiting.length ? [] : this.#waiting.slice(count)
    return callers
  }

  /** What the server refuses is narrowed down by halves, so that each caller gets its own error and no other's. */
  async #send(callers: readonly Caller[]): Promise<void> {
    try {
      await this.#insert(
        callers.map((caller) => caller.job),
        this.#database,
      )
    } catch (error) {
      if (callers.length === 1 || isConnectionError(error) || error instanceof CeleriacError) {
        for (const caller of callers) caller.reject(error)
        return
      }
      const middle = Math.ceil(callers.length / 2)
      await this.#send(callers.slice(0, middle))
      await this.#send(callers.slice(middle))
      return
    }
    for (const caller of callers) caller.resolve()
  }

  async #insert(jobs: readonly NewJob[], executor: Executor): Promise<Enqueued> {
    const batch = new Batch()
    for (const job of jobs) batch.add(job.id, job.shape, job.args)
    const enqueued = await enqueueJobs(this.#database, batch.text, executor)
    assertInserted(enqueued)
    if (executor === this.#database) this.#waker.enqueued(batch.queues, enqueued)
    return enqueued
  }
}

/** What a transaction has enqueued: where, and due from when on. */
class Due {
  readonly queues = new Set<string>()
  earliestUs = 0n

  add(batch: readonly NewJob[], enqueued: Enqueued): void {
    const earliestUs = BigInt(enqueued.earliestUs)
    if (this.queues.size === 0 || earliestUs < this.earliestUs) this.earliestUs = earliestUs
    for (const job of batch) this.queues.add(job.shape.queue)
  }
}

function assertInserted({ refused: [jobId] }: Enqueued): void {
  if (jobId !== undefined) throw new CeleriacError('JOB_EXISTS', { jobId })
}

async function* batches(jobs: Iterable<NewJob> | AsyncIterable<NewJob>): AsyncGenerator<readonly NewJob[]> {
  let batch: NewJob[] = []
  let size = 0
  const isAsync = Symbol.asyncIterator in jobs
  if (!isAsync) {
    for (const job of jobs) {
      batch.push(job)
      size += job.args.length
      if (batch.length < MOST_JOBS && size < MOST_CHARACTERS) continue
      yield batch
      batch = []
      size = 0
    }
  } else {
    for await (const job of jobs) {
      batch.push(job)
      size += job.args.length
      if (batch.length < MOST_JOBS && size < MOST_CHARACTERS) continue
      yield batch
      batch = []
      size = 0
    }
  }
  if (batch.length > 0) yield batch
}
