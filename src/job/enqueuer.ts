import { CeleriacError } from '../base/errors.ts'
import type { Enqueued } from '../db/calls/job.ts'
import { startWorkflow } from '../db/calls/start-workflow.ts'
import { isOutcomeUnknown } from '../db/connection.ts'
import type { Database } from '../db/database.ts'
import { faultOf } from '../db/fault.ts'
import { callerTransaction } from '../db/transaction.ts'
import { Inserter, type NewJob } from './inserter.ts'
import { Outage } from './outage.ts'
import { UniqueInserter, type UniqueJob, type UniqueResult } from './unique-inserter.ts'
import type { Waker } from './waker.ts'

interface Caller {
  readonly job: NewJob
  readonly since: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** A canvas that is ready to be inserted. */
export interface NewWorkflow {
  readonly id: string
  /** What `start_workflow` takes. */
  readonly text: string
  /** Queues of its first jobs. */
  readonly queues: ReadonlySet<string>
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
  readonly #inserter: Inserter
  readonly #unique: UniqueInserter
  readonly #waker: Waker
  #waiting: Caller[] = []
  #flights = 0
  /** Canvases and unique jobs that are being inserted. */
  #starting = 0
  #scheduled = false
  readonly #landed: (() => void)[] = []

  constructor(database: Database, waker: Waker) {
    this.#database = database
    this.#inserter = new Inserter(database, waker)
    this.#unique = new UniqueInserter(database, waker)
    this.#waker = waker
  }

  /** Inserts one job together with whatever else is being enqueued; settles once it is committed. */
  enqueue(job: NewJob): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job, since: performance.now(), resolve, reject })
      this.#schedule()
    })
  }

  /**
   * Inserts one job whose id a caller chose, in a statement of its own: it may have to wait for another
   * transaction that holds the same id, and nobody else should wait with it.
   */
  async enqueueAlone(job: NewJob): Promise<void> {
    await this.#insertTogether([job])
  }

  /** Inserts jobs inside a caller's transaction. */
  async enqueueIn(tx: unknown, jobs: Iterable<NewJob> | AsyncIterable<NewJob>): Promise<void> {
    const { executor, onceEnded } = callerTransaction(tx)
    const due = new Due()
    // All are encoded before the first is written: a bad one must not leave the others in a transaction that goes on.
    const all: NewJob[] = []
    for await (const job of jobs) all.push(job)
    for await (const batch of batches(all))
      due.add(batch, assertInserted(await this.#inserter.send(batch, executor)))
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

  /**
   * Enqueues jobs with keys: all of them or none.
   *
   * @param tx - the caller's transaction; left out: none
   */
  enqueueUnique(jobs: readonly UniqueJob[], tx?: unknown): Promise<UniqueResult[]> {
    if (tx !== undefined) return this.#unique.insertIn(tx, jobs)
    return this.#counted(() => this.#unique.insert(jobs))
  }

  /**
   * Inserts a canvas, all of it in one statement. One whose answer is lost is sent again: by its id the server knows whether
   * it is there.
   *
   * @param tx - the caller's transaction; null for none
   */
  async startWorkflow({ id, text, queues }: NewWorkflow, tx: unknown): Promise<void> {
    if (tx !== null) {
      const { executor, onceEnded } = callerTransaction(tx)
      const started = await startWorkflow(this.#database, text, executor)
      if (onceEnded === null) this.#waker.later(queues, BigInt(started.earliestUs))
      else onceEnded(() => this.#waker.wake(queues, BigInt(started.earliestUs)))
      return
    }
    await this.#counted(() => this.#insertWorkflow(id, text, queues))
  }

  /** Sends what is waiting; resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    while (this.#waiting.length > 0 || this.#flights > 0 || this.#starting > 0 || this.#scheduled) {
      await new Promise<void>((resolve) => this.#landed.push(resolve))
    }
  }

  async #insertAll(iterator: AsyncGenerator<readonly NewJob[]>): Promise<void> {
    const first = await iterator.next()
    if (first.done === true) return
    const second = await iterator.next()
    if (second.done === true) {
      await this.#insertTogether(first.value)
      return
    }
    const [witness] = first.value
    if (witness === undefined) return
    const due = new Due()
    await this.#inserter.transaction(witness, async (executor) => {
      const insert = async (batch: readonly NewJob[]): Promise<void> =>
        due.add(batch, assertInserted(await this.#inserter.send(batch, executor)))
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

  /** All of them or none. */
  async #insertTogether(jobs: readonly NewJob[]): Promise<void> {
    const { refused, unknown } = await this.#inserter.insert(jobs, performance.now())
    const [error] = unknown.values()
    if (error !== undefined) throw error
    assertInserted({ refused: [...refused] })
  }

  async #insertWorkflow(id: string, text: string, queues: ReadonlySet<string>): Promise<void> {
    const outage = new Outage(this.#database, performance.now())
    let doubt = false
    for (;;) {
      try {
        this.#waker.enqueued(queues, await startWorkflow(this.#database, text))
        return
      } catch (error) {
        doubt ||= isOutcomeUnknown(error)
        if (await outage.passed(error)) continue
        if (!doubt || faultOf(error) === 'content') throw error
        const reason = error instanceof Error ? error.message : String(error)
        throw new CeleriacError('ENQUEUE_UNKNOWN', { jobs: `canvas ${id}`, reason }, { cause: error })
      }
    }
  }

  /** Work that `stop` waits for. */
  async #counted<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#starting += 1
    try {
      return await work()
    } finally {
      this.#starting -= 1
      for (const resolve of this.#landed.splice(0)) resolve()
    }
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
    const since = callers.reduce(
      (earliest, caller) => Math.min(earliest, caller.since),
      Number.POSITIVE_INFINITY,
    )
    try {
      const { refused, unknown } = await this.#inserter.insert(
        callers.map((caller) => caller.job),
        since,
      )
      for (const { job, resolve, reject } of callers) {
        const error = refused.has(job.id)
          ? new CeleriacError('JOB_EXISTS', { jobId: job.id })
          : unknown.get(job.id)
        if (error === undefined) resolve()
        else reject(error)
      }
    } catch (error) {
      if (callers.length === 1 || !concernsOne(error)) {
        for (const caller of callers) caller.reject(error)
        return
      }
      const middle = Math.ceil(callers.length / 2)
      await this.#send(callers.slice(0, middle))
      await this.#send(callers.slice(middle))
    }
  }
}

/** Whether one job of many may be to blame: for what it holds, or for what it may not be. */
function concernsOne(error: unknown): boolean {
  const fault = faultOf(error)
  if (fault === 'content' || fault === 'rights') return true
  // Such as what a trigger raises; what we say ourselves concerns all.
  return fault === 'other' && !(error instanceof CeleriacError)
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

function assertInserted<Answer extends Pick<Enqueued, 'refused'>>(answer: Answer): Answer {
  const [jobId] = answer.refused
  if (jobId !== undefined) throw new CeleriacError('JOB_EXISTS', { jobId })
  return answer
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
