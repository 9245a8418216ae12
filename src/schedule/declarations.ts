import { CeleriacError } from '../base/errors.ts'
import { type Codec, encodeArgs } from '../base/json.ts'
import type { TaskDefinition } from '../task/definition.ts'
import type { EveryOptions } from '../task/every.ts'
import { issuesText, validateArgs } from '../task/schema.ts'
import { ruleText } from './rule.ts'
import { assertScheduleName, readSettings, type ScheduleColumns } from './settings.ts'

/** Makes the args of a schedule when it fires. */
export type MakeArgs = (instant: Date) => unknown

/** How args are written. */
export interface ArgsWriter {
  readonly codec: Codec | undefined
  readonly maxArgsBytes: number
}

interface Declaration {
  readonly task: TaskDefinition
  readonly columns: ScheduleColumns
  readonly args: readonly unknown[] | MakeArgs
  readonly place: string
}

/** The schedules that the code of an app declares with `task.every`. */
export class Declarations {
  readonly #declared = new Map<string, Declaration>()

  /**
   * @param place - where, for the message when a name is there twice
   * @throws {CeleriacError} `SCHEDULE_EXISTS`, `OPTION_…`, `CRON_…`, `TIMEZONE_UNKNOWN`
   */
  add(task: TaskDefinition, options: EveryOptions<readonly unknown[]>, place: string): void {
    const { name: given, args = [] } = options
    const columns = readSettings(task, options, ['name'])
    if (typeof args !== 'function' && !Array.isArray(args)) {
      throw new CeleriacError('OPTION_INVALID', {
        option: 'args',
        problem: 'must be a list of positional arguments, or a function that makes one',
      })
    }
    const name = assertScheduleName(given ?? `${task.name} (${ruleText(columns.rule)})`)
    const known = this.#declared.get(name)
    if (known !== undefined) {
      throw new CeleriacError('SCHEDULE_EXISTS', { schedule: name, first: known.place, second: place })
    }
    this.#declared.set(name, { task, columns, args, place })
  }

  get count(): number {
    return this.#declared.size
  }

  /** Names of those whose args are made when they fire. */
  get lazy(): string[] {
    return [...this.#declared].flatMap(([name, { args }]) => (typeof args === 'function' ? [name] : []))
  }

  /** What makes the args of a schedule. */
  maker(name: string): MakeArgs | null {
    const args = this.#declared.get(name)?.args
    return typeof args === 'function' ? args : null
  }

  /**
   * All of them as `declare_schedules` reads them.
   *
   * @throws {CeleriacError} `ARGS_REJECTED`, `JSON_…` for args that the task does not take
   */
  async write(writer: ArgsWriter): Promise<string> {
    const entries: [string, ScheduleColumns][] = []
    for (const [name, { task, columns, args }] of this.#declared) {
      const own =
        typeof args === 'function' ? { lazy: true as const } : { args: await writeArgs(task, args, writer) }
      entries.push([name, { ...columns, ...own }])
    }
    return JSON.stringify(Object.fromEntries(entries))
  }
}

/**
 * Checks args of a task and gives them as JSON.
 *
 * @throws {CeleriacError} `ARGS_REJECTED`, `JSON_…`
 */
export async function writeArgs(
  task: TaskDefinition,
  args: readonly unknown[],
  { codec, maxArgsBytes }: ArgsWriter,
): Promise<unknown> {
  if (!Array.isArray(args)) {
    throw new CeleriacError('ARGS_REJECTED', {
      task: task.name,
      issues: 'must be a list of positional arguments',
    })
  }
  const { issues } = await validateArgs(task, args)
  if (issues !== undefined) {
    throw new CeleriacError(
      'ARGS_REJECTED',
      { task: task.name, issues: issuesText(issues) },
      { details: { issues } },
    )
  }
  return JSON.parse(encodeArgs(args, { task: task.name, maxBytes: maxArgsBytes, codec }))
}
