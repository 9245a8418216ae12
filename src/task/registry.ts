import { CeleriacError } from '../base/errors.ts'
import { didYouMean } from '../base/names.ts'
import type { TaskDefinition } from './definition.ts'

/** The tasks of an app, by name. A Map: names such as `constructor` are only names. */
export class Registry {
  readonly #tasks = new Map<string, TaskDefinition>()
  /** Names of tasks that workers are not to run yet. */
  readonly #withheld = new Set<string>()
  #runnable: readonly string[] | null = null

  /** @throws {CeleriacError} `TASK_EXISTS` when the name is taken by another definition with a handler. */
  add(task: TaskDefinition): void {
    const known = this.#tasks.get(task.name)
    if (known !== undefined && known.run !== null && task.run !== null) {
      throw new CeleriacError('TASK_EXISTS', { task: task.name, first: known.place, second: task.place })
    }
    // A declaration beside its definition is harmless: the definition knows more.
    if (known?.run === undefined || known.run === null) this.#tasks.set(task.name, task)
    this.#runnable = null
  }

  get(name: string): TaskDefinition | undefined {
    return this.#tasks.get(name)
  }

  /** Names of the tasks this process can run. */
  runnable(): readonly string[] {
    this.#runnable ??= [...this.#tasks.values()]
      .filter((task) => task.run !== null && !this.#withheld.has(task.name))
      .map((task) => task.name)
    return this.#runnable
  }

  /** Keeps a task from workers until it is released. */
  withhold(name: string): void {
    this.#withheld.add(name)
    this.#runnable = null
  }

  release(name: string): void {
    this.#withheld.delete(name)
    this.#runnable = null
  }

  /** Every task that is defined or declared here. */
  definitions(): readonly TaskDefinition[] {
    return [...this.#tasks.values()]
  }

  names(): readonly string[] {
    return [...this.#tasks.keys()]
  }

  /** What to say about a name nobody has registered here. */
  hintFor(name: string): string {
    return didYouMean(name, this.names())
  }
}

/**
 * File and line from where a function was called, for messages.
 *
 * @param callee - the function of ours that users call: everything above it is no news to them
 */
export function placeOfCall(callee: (...args: never[]) => unknown): string {
  const trace: { stack?: string } = {}
  Error.captureStackTrace(trace, callee)
  const frame = trace.stack?.split('\n').find((line) => line.startsWith('    at '))
  return (
    frame?.replace(/^\s*at (?:.*\()?(?:file:\/\/)?/, '').replace(/(:\d+):\d+\)?$/, '$1') ?? 'unknown place'
  )
}
