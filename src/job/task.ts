/*
 * job: one request to run a task. A call of a task becomes a row here (shape, batch, enqueuer), and the caller gets a
 * handle to it (handle, results). Nothing here runs anything; a worker in any process does.
 */
import { CeleriacError, errorOfItem, isCeleriacError } from '../base/errors.ts'
import { assertJobId, uuidv7 } from '../base/ids.ts'
import { type Codec, encodeArgs } from '../base/json.ts'
import { jobStorage } from '../task/current-job.ts'
import type { TaskDefinition } from '../task/definition.ts'
import { doorOf, type LimitsInForce } from '../task/door.ts'
import type { CallOptions } from '../task/options.ts'
import { issuesText, validateArgs } from '../task/schema.ts'
import { keyOfJob, type ResolvedUnique, UNIQUE_KEYS, uniqueOf } from '../task/unique.ts'
import type { Enqueuer } from './enqueuer.ts'
import { type HandleContext, JobHandle } from './handle.ts'
import type { NewJob } from './inserter.ts'
import type { Routes, Shapes } from './routes.ts'
import { childShape } from './shape.ts'
import type { UniqueJob, UniqueResult } from './unique-inserter.ts'

/** What enqueuing needs of an app. */
export interface EnqueueContext extends HandleContext {
  readonly enqueuer: Enqueuer
  readonly routes: Routes
  readonly maxArgsBytes: number
  readonly codec: Codec | undefined
  /** Limits that are no task's own, as far as this process knows them. */
  readonly limits: LimitsInForce
  /** Refuses when the app is stopped. */
  readonly assertOpen: () => void
}

/** Calls of a task with options of their own; made by `task.with(options)`. */
export interface TaskCall<Args extends readonly unknown[], Result> {
  /**
   * Enqueues one job and returns a handle to it.
   *
   * The row is committed when this resolves, and workers see it; given `tx`, it exists once that transaction commits.
   * @throws {CeleriacError} `ARGS_REJECTED` when the task's schema refuses the args, `JSON_…` when they cannot be
   * stored, `JOB_EXISTS` for an id that is taken; nothing is written then.
   */
  enqueue(...args: Args): Promise<JobHandle<Result>>
  /**
   * Enqueues a job for each list of args: all of them or none. Handles come in order. Any iterable is read in chunks.
   *
   * @throws {CeleriacError} as `enqueue`, naming the item.
   */
  enqueueMany(calls: Iterable<Args> | AsyncIterable<Args>): Promise<JobHandle<Result>[]>
  /** The same task with options for the call; later ones win. */
  with(options: CallOptions): TaskCall<Args, Result>
}

/**
 * A task: a function that can also be enqueued. Called directly it runs here and now, without a row.
 */
export interface Task<Args extends readonly unknown[], Result, Returned = Result | Promise<Result>>
  extends TaskCall<Args, Result> {
  (...args: Args): Returned
  /** The name under which jobs refer to it. */
  readonly name: string
}

/** Makes the object users hold for a task. */
export function makeTask<Args extends readonly unknown[], Result, Returned>(
  definition: TaskDefinition,
  direct: (...args: Args) => Returned,
  context: EnqueueContext,
): Task<Args, Result, Returned> {
  const calls = new Calls<Args, Result>(definition, {}, context)
  const task = (...args: Args): Returned => direct(...args)
  Object.defineProperty(task, 'name', { value: definition.name })
  return Object.assign(task, {
    enqueue: (...args: Args) => calls.enqueue(...args),
    enqueueMany: (many: Iterable<Args> | AsyncIterable<Args>) => calls.enqueueMany(many),
    with: (options: CallOptions) => calls.with(options),
  })
}

/** Calls of a task by name, for producers that do not have its code. */
export function callsOf<Args extends readonly unknown[], Result>(
  definition: TaskDefinition,
  options: CallOptions,
  context: EnqueueContext,
): TaskCall<Args, Result> {
  return new Calls<Args, Result>(definition, options, context)
}

class Calls<Args extends readonly unknown[], Result> implements TaskCall<Args, Result> {
  readonly #task: TaskDefinition
  readonly #options: CallOptions
  readonly #shapes: Shapes
  readonly #unique: ResolvedUnique | null
  readonly #context: EnqueueContext

  constructor(task: TaskDefinition, options: CallOptions, context: EnqueueContext) {
    this.#task = task
    this.#options = options.id === undefined ? options : { ...options, id: assertJobId(options.id) }
    this.#shapes = context.routes.shapesOf(task, options)
    this.#unique = uniqueOf(options, task.options.unique, (read) => read())
    this.#context = context
  }

  with(options: CallOptions): TaskCall<Args, Result> {
    return new Calls<Args, Result>(this.#task, mergeOptions(this.#options, options), this.#context)
  }

  async enqueue(...args: Args): Promise<JobHandle<Result>> {
    const { enqueuer, assertOpen } = this.#context
    assertOpen()
    if (this.#task.schema !== null) await this.#validate(args)
    const job = this.#newJob(args)
    const { tx, id } = this.#options
    const key = this.#keyOf(args)
    if (key !== null) {
      const [result] = await enqueuer.enqueueUnique([{ ...job, key }], tx)
      return this.#handleTo(result, job)
    }
    if (tx !== undefined) await enqueuer.enqueueIn(tx, [job])
    else if (id !== undefined) await enqueuer.enqueueAlone(job)
    else await enqueuer.enqueue(job)
    return new JobHandle<Result>(job.id, this.#context)
  }

  async enqueueMany(calls: Iterable<Args> | AsyncIterable<Args>): Promise<JobHandle<Result>[]> {
    const { enqueuer, assertOpen } = this.#context
    assertOpen()
    const { tx, id } = this.#options
    if (id !== undefined) {
      throw new CeleriacError('OPTION_INVALID', {
        option: 'id',
        problem: 'names one job; enqueueMany makes many: enqueue them one by one, or leave the id out',
      })
    }
    if (this.#unique !== null) return this.#enqueueUnique(calls)
    const handles: JobHandle<Result>[] = []
    const jobs = this.#newJobs(calls, handles)
    if (tx !== undefined) await enqueuer.enqueueIn(tx, jobs)
    else await enqueuer.enqueueMany(jobs)
    return handles
  }

  async #enqueueUnique(calls: Iterable<Args> | AsyncIterable<Args>): Promise<JobHandle<Result>[]> {
    const jobs: UniqueJob[] = []
    for await (const args of calls) {
      try {
        if (this.#task.schema !== null) await this.#validate(args)
        const job = this.#newJob(args)
        // One that is not unique has a key of its own: all of them are enqueued, or none.
        jobs.push({ ...job, key: this.#keyOf(args) ?? job.id })
      } catch (error) {
        throw this.#blame(error, calls, jobs)
      }
    }
    if (jobs.length === 0) return []
    const results = await this.#context.enqueuer.enqueueUnique(jobs, this.#options.tx)
    return results.map((result) => this.#handleTo(result, result))
  }

  #handleTo(result: UniqueResult | undefined, { id }: { readonly id: string }): JobHandle<Result> {
    return new JobHandle<Result>(result?.id ?? id, this.#context, undefined, result)
  }

  #keyOf(args: Args): string | null {
    return this.#unique === null ? null : keyOfJob(this.#unique, args)
  }

  #newJobs(
    calls: Iterable<Args> | AsyncIterable<Args>,
    handles: JobHandle<Result>[],
  ): Iterable<NewJob> | AsyncIterable<NewJob> {
    if (Symbol.asyncIterator in calls || this.#task.schema !== null) return this.#eachAsync(calls, handles)
    return this.#each(calls, handles)
  }

  *#each(calls: Iterable<Args>, handles: JobHandle<Result>[]): Generator<NewJob> {
    for (const args of calls) yield this.#item(args, calls, handles)
  }

  async *#eachAsync(
    calls: Iterable<Args> | AsyncIterable<Args>,
    handles: JobHandle<Result>[],
  ): AsyncGenerator<NewJob> {
    for await (const args of calls) {
      try {
        if (this.#task.schema !== null) await this.#validate(args)
      } catch (error) {
        throw this.#blame(error, calls, handles)
      }
      yield this.#item(args, calls, handles)
    }
  }

  #item(args: Args, calls: unknown, handles: JobHandle<Result>[]): NewJob {
    try {
      const job = this.#newJob(args)
      handles.push(new JobHandle<Result>(job.id, this.#context))
      return job
    } catch (error) {
      throw this.#blame(error, calls, handles)
    }
  }

  #blame(error: unknown, calls: unknown, handles: readonly unknown[]): unknown {
    if (!isCeleriacError(error)) return error
    const number = handles.length + 1
    return errorOfItem(error, number, Array.isArray(calls) ? calls.length : number)
  }

  #newJob(args: Args): NewJob {
    const task = this.#task
    if (!Array.isArray(args)) throw rejected(task.name, 'must be a list of positional arguments')
    const { maxArgsBytes, codec, limits } = this.#context
    const parent = jobStorage.getStore()
    const shape = typeof this.#shapes === 'function' ? this.#shapes(args) : this.#shapes
    const { queue, labels, flow } = shape
    const door = doorOf(task, args, { queue, labels, call: flow, inForce: limits })
    return {
      id: this.#options.id ?? uuidv7(),
      shape: parent === undefined || parent.worker === null ? shape : childShape(shape, parent),
      args: encodeArgs(args, { task: task.name, maxBytes: maxArgsBytes, codec }),
      door: door === null ? null : JSON.stringify(door),
    }
  }

  async #validate(args: Args): Promise<void> {
    const outcome = await validateArgs(this.#task, args)
    if (outcome.issues === undefined) return
    throw new CeleriacError(
      'ARGS_REJECTED',
      { task: this.#task.name, issues: issuesText(outcome.issues) },
      { details: { issues: outcome.issues } },
    )
  }
}

function rejected(task: string, issues: string): CeleriacError<'ARGS_REJECTED'> {
  return new CeleriacError('ARGS_REJECTED', { task, issues })
}

/** Options given later over earlier ones. `delay` and `runAt` replace each other, as do `unique` and its like; labels are joined. */
export function mergeOptions(first: CallOptions, second: CallOptions): CallOptions {
  const { delay, runAt, unique, debounce, throttle, ...others } = first
  const keyed = UNIQUE_KEYS.some((option) => second[option] !== undefined)
  const rest = keyed
    ? others
    : {
        ...others,
        ...(unique !== undefined && { unique }),
        ...(debounce !== undefined && { debounce }),
        ...(throttle !== undefined && { throttle }),
      }
  const timed = second.delay !== undefined || second.runAt !== undefined
  const kept = timed
    ? rest
    : { ...rest, ...(delay !== undefined && { delay }), ...(runAt !== undefined && { runAt }) }
  const labels = first.labels === undefined ? second.labels : { ...first.labels, ...second.labels }
  return { ...kept, ...second, ...(labels !== undefined && { labels }) }
}
