import { CeleriacError } from '../base/errors.ts'
import { integer } from '../base/options.ts'
import { preview } from '../base/text.ts'
import { mergeOptions, type TaskCall as PlainCall, type Task as PlainTask } from '../job/task.ts'
import type { EveryOptions } from '../task/every.ts'
import type { CallOptions } from '../task/options.ts'
import type { CanvasBinding } from './binding.ts'
import { BoundSignature } from './bound-signature.ts'
import { type GroupOptions, groupOptions, isIterable } from './build.ts'
import type { SignatureData } from './data.ts'
import { checkedOptions } from './options.ts'
import type { GroupSignature, Signature } from './signature.ts'
import type { Signing } from './signing.ts'
import { snapshot } from './snapshot.ts'
import type { DoesNotFit, FailureOf, NoOptions } from './types.ts'

/** Options of `map`, `starmap` and `chunks`. */
export type MapOptions = GroupOptions

/** What can be composed into a canvas: each call of these makes a signature, and enqueues nothing. */
export interface Composing<Args extends readonly unknown[], Result> {
  /**
   * A signature of a call whose last args are given. The parameters before them stay open: what comes before in the
   * canvas fills them, or `enqueue(…)` does.
   *
   * @example chain(add.s(2, 2), add.s(4)) // add(add(2, 2), 4)
   */
  readonly s: Signing<Args, Result>
  /** An immutable signature: it has all of its args, and ignores what comes before. */
  si(...args: Args): Signature<unknown[], Result>
  /** One job that calls the task with each item in turn and gives the list of what it returns. */
  map<const Options extends MapOptions = NoOptions>(
    items: Iterable<OnlyArg<Args>>,
    options?: Options,
  ): Signature<unknown[], (Result | FailureOf<Options>)[]>
  /** As `map`, where each item is the list of all args. */
  starmap<const Options extends MapOptions = NoOptions>(
    items: Iterable<Readonly<Args>>,
    options?: Options,
  ): Signature<unknown[], (Result | FailureOf<Options>)[]>
  /** A group of jobs that each take up to `size` of the calls, as `starmap` does. */
  chunks<const Options extends MapOptions = NoOptions>(
    items: Iterable<Readonly<Args>>,
    size: number,
    options?: Options,
  ): GroupSignature<unknown[], (Result | FailureOf<Options>)[][]>
}

/** Calls of a task with options of their own; made by `task.with(options)`. */
export interface TaskCall<Args extends readonly unknown[], Result>
  extends PlainCall<Args, Result>,
    Composing<Args, Result> {
  with(options: CallOptions): TaskCall<Args, Result>
}

/**
 * A task: a function that can also be enqueued, and composed with others. Called directly it runs here and now,
 * without a row.
 */
export interface Task<Args extends readonly unknown[], Result, Returned = Result | Promise<Result>>
  extends PlainTask<Args, Result, Returned>,
    Composing<Args, Result> {
  with(options: CallOptions): TaskCall<Args, Result>
  /**
   * Declares a schedule of the task: once a worker of this code has started, it is stored, and every instant enqueues
   * one job, however many workers run. What is changed at run time (`app.schedules`) outlives the next start; a
   * declaration that is no longer in the code of any worker is retired.
   *
   * @returns the task
   * @throws {CeleriacError} `OPTION_…`, `CRON_INVALID`, `CRON_NEVER`, `TIMEZONE_UNKNOWN`, `SCHEDULE_EXISTS`
   * @example digest.every({ cron: '0 7 * * 1-5', timezone: 'Europe/Lisbon', overlap: 'skip' })
   */
  every(options: EveryOptions<Args>): this
}

/** The one arg that the task can be called with. */
type OnlyArg<Args extends readonly unknown[]> = Args extends readonly []
  ? DoesNotFit<'map gives one argument, and this task takes none', never, Args>
  : Args extends readonly [(infer First)?, ...infer Rest]
    ? [] extends Rest
      ? First
      : DoesNotFit<'map gives one argument, and this task needs more; use starmap', never, Args>
    : never

/** Lets a task be composed. */
export function canvasTask<Args extends readonly unknown[], Result, Returned>(
  task: PlainTask<Args, Result, Returned>,
  binding: CanvasBinding,
): Task<Args, Result, Returned> {
  const composed = composable(task, { task: task.name, options: {}, binding }) as Task<Args, Result, Returned>
  const every = (options: EveryOptions<readonly unknown[]>): object => {
    binding.every(task.name, options, every)
    return composed
  }
  return Object.assign(composed, { every })
}

/** What the signatures of one kind of call have in common. */
interface Calls {
  readonly task: string
  readonly options: CallOptions
  readonly binding: CanvasBinding
}

function composable(call: { with(options: CallOptions): object }, calls: Calls): object {
  const plainWith = call.with.bind(call)
  return Object.assign(call, {
    ...composing(calls),
    with: (options: CallOptions) =>
      composable(plainWith(options) as typeof call, {
        ...calls,
        options: mergeOptions(calls.options, options),
      }),
  })
}

function composing({ task, options: { tx, ...options }, binding }: Calls): object {
  const common = Object.keys(options).length > 0 && { options: checkedOptions(options) }
  const make = (data: SignatureData) => new BoundSignature({ ...data, ...common }, { binding, tx })
  return {
    s: (...args: unknown[]) => make({ kind: 'task', task, args: snapshot(args) }),
    si: (...args: unknown[]) => make({ kind: 'task', task, args: snapshot(args), immutable: true }),
    map: (items: unknown, how?: MapOptions) =>
      make({ kind: 'map', task, items: itemsOf(items, false), spread: false, ...groupOptions(how) }),
    starmap: (items: unknown, how?: MapOptions) =>
      make({ kind: 'map', task, items: itemsOf(items, true), spread: true, ...groupOptions(how) }),
    chunks: (items: unknown, size: unknown, how?: MapOptions) => {
      const most = integer(size, 'size', 1, Number.MAX_SAFE_INTEGER)
      const flags = groupOptions(how)
      const members = chunked(itemsOf(items, true), most).map(
        (chunk): SignatureData => Object.freeze({ kind: 'map', task, items: chunk, spread: true, ...flags }),
      )
      return make({ kind: 'group', members: Object.freeze(members) })
    },
  }
}

function itemsOf(items: unknown, spread: boolean): readonly unknown[] {
  if (!isIterable(items)) throw invalid('items', `must be a list; got ${preview(items)}`)
  const list = snapshot([...items])
  const single = spread ? list.findIndex((item) => !Array.isArray(item)) : -1
  if (single === -1) return list
  throw invalid(`item ${single + 1}`, `must be a list of args; got ${preview(list[single])}`)
}

function chunked(items: readonly unknown[], size: number): (readonly unknown[])[] {
  const chunks: (readonly unknown[])[] = []
  for (let from = 0; from < items.length; from += size)
    chunks.push(Object.freeze(items.slice(from, from + size)))
  return chunks
}

function invalid(path: string, problem: string): CeleriacError<'CANVAS_INVALID'> {
  return new CeleriacError('CANVAS_INVALID', { path, problem })
}
