import { CeleriacError } from '../base/errors.ts'
import { nearest } from '../base/names.ts'
import { instant, integer, refuseUnknown, text } from '../base/options.ts'
import {
  type ListedSchedule,
  pauseSchedule,
  putSchedule,
  readScheduleList,
  removeSchedule,
  resetSchedule,
  resumeSchedule,
  runSchedule,
  skipSchedule,
} from '../db/calls/schedule.ts'
import type { Database } from '../db/database.ts'
import { JobHandle } from '../job/handle.ts'
import type { EnqueueContext } from '../job/task.ts'
import type { TaskDefinition } from '../task/definition.ts'
import type { ScheduleRule, ScheduleSettings } from '../task/every.ts'
import { type Declarations, writeArgs } from './declarations.ts'
import { ruleText, type Span, type Timetable, timetableOf } from './rule.ts'
import { assertScheduleName, readSettings } from './settings.ts'
import { scheduledShape } from './shape.ts'

/** A schedule as it stands. */
export interface ScheduleInfo {
  readonly name: string
  readonly task: string
  /** `broken`: it cannot fire, see `lastError`; `finished`: nothing is left to fire; `retired`: removed, or no longer declared. */
  readonly condition: 'active' | 'paused' | 'broken' | 'finished' | 'retired'
  /** The rule for people, such as `0 7 * * 1-5 Europe/Lisbon` or `every 5m`. */
  readonly when: string
  readonly rule: Readonly<Record<string, unknown>>
  /** Null while nothing is to fire, and until a worker has worked it out. */
  readonly nextRunAt: Date | null
  /** The last instant that fired. */
  readonly lastRunAt: Date | null
  readonly fires: number
  /** As they are stored; null when a function in code makes them, or when one may not see data. */
  readonly args: readonly unknown[] | null
  /** Null when one may not see data. */
  readonly options: Readonly<Record<string, unknown>> | null
  readonly overlap: 'allow' | 'skip' | 'queue' | 'cancel'
  readonly catchUp: 'none' | 'last' | 'all'
  readonly source: 'code' | 'runtime'
  readonly pausedAt: Date | null
  readonly pauseReason: string | null
  readonly lastError: string | null
  readonly description: string | null
}

/** What `app.schedules.put` takes. */
export type PutOptions = ScheduleRule &
  ScheduleSettings & {
    /** A task, or its name. */
    readonly task: string | { readonly name: string }
    readonly args?: readonly unknown[]
  }

/** What the schedules of an app need of it. */
export interface SchedulesContext {
  readonly database: Database
  readonly enqueue: EnqueueContext
  readonly declarations: Declarations
  /** The task of a name; one that is not known here has the default options. */
  readonly definition: (name: string) => TaskDefinition
}

const MOST_PREVIEWED = 1_000
const SKIP_TRIES = 5

/** Schedules of an installation, made and changed at run time. Workers fire them. */
export class Schedules {
  readonly #context: SchedulesContext

  constructor(context: SchedulesContext) {
    this.#context = context
  }

  /**
   * Makes a schedule, or replaces one of that name: it is stored, and workers take it up at once. Over one that code
   * declares, it wins until {@link Schedules.reset}.
   *
   * @throws {CeleriacError} `OPTION_…`, `CRON_…`, `TIMEZONE_UNKNOWN`, `ARGS_REJECTED`; nothing is written then
   * @example await app.schedules.put('nightly', { task: 'report', cron: '0 3 * * *', timezone: 'Europe/Lisbon' })
   */
  async put(name: string, options: PutOptions): Promise<ScheduleInfo> {
    this.#context.enqueue.assertOpen()
    assertScheduleName(name)
    const task = this.#context.definition(taskName(options))
    const columns = readSettings(task, options, ['task'])
    const args = await writeArgs(task, options.args ?? [], this.#context.enqueue)
    await putSchedule(this.#context.database, name, { ...columns, args })
    return this.get(name)
  }

  /** Every schedule, by name. */
  async list(): Promise<ScheduleInfo[]> {
    return (await readScheduleList(this.#context.database, null)).map(infoOf)
  }

  /** @throws {CeleriacError} `SCHEDULE_UNKNOWN` */
  async get(name: string): Promise<ScheduleInfo> {
    return infoOf(await this.#row(name))
  }

  /**
   * Stops a schedule from firing until it is resumed; what falls in between is not made up for. Stored, so that it
   * outlives restarts and deploys.
   *
   * @throws {CeleriacError} `SCHEDULE_UNKNOWN`
   */
  async pause(name: string, options: { readonly reason?: string } = {}): Promise<void> {
    refuseUnknown(options, ['reason'], 'pause')
    const reason = options.reason === undefined ? null : text(options.reason, 'reason', 2_000)
    if (!(await pauseSchedule(this.#context.database, name, reason))) throw await this.#unknown(name)
  }

  /** Lets a schedule fire again that was paused, removed or broken. @throws {CeleriacError} `SCHEDULE_UNKNOWN` */
  async resume(name: string): Promise<void> {
    if (!(await resumeSchedule(this.#context.database, name))) throw await this.#unknown(name)
  }

  /**
   * Takes back what was changed of a schedule at run time: it is as the code declares it again. A pause stays.
   *
   * @throws {CeleriacError} `SCHEDULE_UNKNOWN`; `SCHEDULE_STATE` when no code declares it
   */
  async reset(name: string): Promise<void> {
    if (await resetSchedule(this.#context.database, assertScheduleName(name))) return
    await this.#row(name)
    throw new CeleriacError('SCHEDULE_STATE', {
      schedule: name,
      problem: 'is declared in no code; change it, or remove it',
    })
  }

  /**
   * Removes a schedule; one that code declares is retired, and stays so until it is resumed.
   *
   * @throws {CeleriacError} `SCHEDULE_UNKNOWN`
   */
  async remove(name: string): Promise<'removed' | 'retired'> {
    const became = await removeSchedule(this.#context.database, name)
    if (became === null) throw await this.#unknown(name)
    return became
  }

  /**
   * Enqueues a job of the schedule now, beside its instants, whether it is paused and whatever its `overlap`.
   *
   * @throws {CeleriacError} `SCHEDULE_UNKNOWN`; `SCHEDULE_STATE` when only other code can make its args
   */
  async runNow(name: string): Promise<JobHandle<unknown>> {
    const { database, enqueue, declarations, definition } = this.#context
    enqueue.assertOpen()
    const row = await this.#row(name)
    const task = definition(row.task)
    const now = new Date()
    const make = row.lazy ? declarations.maker(name) : null
    if (row.lazy && make === null) {
      throw new CeleriacError('SCHEDULE_STATE', {
        schedule: name,
        problem: 'has args that a function makes; run it in an app whose code declares it',
      })
    }
    const made = make === null ? null : ((await make(now)) as readonly unknown[])
    const args = made === null ? row.args : await writeArgs(task, made, enqueue)
    const stamp = [name, now.getTime()] as const
    // Who may not see what it is told leaves that to the server.
    const job =
      row.options === null || args === null
        ? null
        : ([scheduledShape({ task, options: row.options, args, stamp, lateMs: 0 }, enqueue), args] as const)
    const jobId = await runSchedule(database, name, job)
    if (jobId === null) throw await this.#unknown(name)
    return new JobHandle(jobId, enqueue)
  }

  /**
   * The next instants of a schedule, or of a rule that is none yet. Counts those that are left, and none while it is paused.
   *
   * @param count - at most so many, from 1 to 1,000
   * @throws {CeleriacError} `SCHEDULE_UNKNOWN`, `OPTION_…`, `CRON_…`
   */
  async preview(
    what: string | (ScheduleRule & ScheduleSettings),
    count = 5,
    options: { readonly from?: Date | string | number } = {},
  ): Promise<Date[]> {
    const most = integer(count, 'count', 1, MOST_PREVIEWED)
    refuseUnknown(options, ['from'], 'preview')
    const from = options.from === undefined ? Date.now() : instant(options.from, 'from').getTime()
    if (typeof what === 'string') return this.#previewStored(await this.#row(what), most, from)
    const columns = readSettings(this.#context.definition('preview'), what, [])
    const [startsAt, endsAt] = [ms(columns.starts_at), ms(columns.ends_at)]
    const times = timetableOf(columns.rule, { plannedFrom: from, startsAt, endsAt })
    return upcoming(times, from, Math.min(most, columns.max_fires ?? most))
  }

  /**
   * Leaves the next instant of a schedule out.
   *
   * @returns the instant that does not fire
   * @throws {CeleriacError} `SCHEDULE_UNKNOWN`; `SCHEDULE_STATE` when there is none
   */
  async skipNext(name: string): Promise<Date> {
    for (let tries = 1; ; tries += 1) {
      const row = await this.#row(name)
      const skipped = row.next_run_at
      if (skipped !== null) {
        const next = storedTimes(row, skipped).next(skipped.getTime())
        if (await skipSchedule(this.#context.database, row, next)) return skipped
      }
      if (tries === SKIP_TRIES || row.condition !== 'active') {
        throw new CeleriacError('SCHEDULE_STATE', {
          schedule: name,
          problem:
            row.condition === 'active'
              ? 'has no next instant yet: workers that run its task work it out'
              : `has no next instant to skip: it is ${row.condition}`,
        })
      }
      // A worker may be working it out.
      await new Promise((resolve) => setTimeout(resolve, 20 * tries))
    }
  }

  #previewStored(row: ListedSchedule, most: number, from: number): Date[] {
    if (row.condition !== 'active') return []
    const times = storedTimes(row, row.next_run_at)
    const left = row.max_fires === null ? most : Number(row.max_fires) - Number(row.fires)
    // What was skipped is not among what comes.
    return upcoming(times, Math.max(from, (row.next_run_at?.getTime() ?? 0) - 1), Math.min(most, left))
  }

  async #row(name: string): Promise<ListedSchedule> {
    const [row] = await readScheduleList(this.#context.database, assertScheduleName(name))
    if (row === undefined) throw await this.#unknown(name)
    return row
  }

  async #unknown(name: string): Promise<CeleriacError> {
    const names = (await readScheduleList(this.#context.database, null)).map((row) => row.name)
    const meant = nearest(name, names)
    const hint = meant === null ? 'list() tells which there are' : `did you mean "${meant}"?`
    return new CeleriacError('SCHEDULE_UNKNOWN', { schedule: name, hint })
  }
}

function taskName({ task }: PutOptions): string {
  return typeof task === 'string' ? task : task.name
}

/** An interval counts from its start, or from any instant that it has. */
function storedTimes(row: ListedSchedule, planned: Date | null): Timetable {
  const span: Span = {
    plannedFrom: Date.now(),
    startsAt: (row.starts_at ?? planned)?.getTime() ?? null,
    endsAt: row.ends_at?.getTime() ?? null,
  }
  return timetableOf(row.rule, span)
}

function upcoming(times: Timetable, from: number, most: number): Date[] {
  const instants: Date[] = []
  for (let at = times.next(from); at !== null && instants.length < most; at = times.next(at)) {
    instants.push(new Date(at))
  }
  return instants
}

const ms = (iso: string | undefined): number | null => (iso === undefined ? null : Date.parse(iso))

function infoOf(row: ListedSchedule): ScheduleInfo {
  return {
    name: row.name,
    task: row.task,
    condition: row.condition,
    when: ruleText(row.rule),
    rule: row.rule,
    nextRunAt: row.next_run_at,
    lastRunAt: row.last_run_at,
    fires: Number(row.fires),
    args: row.lazy ? null : row.args,
    options: row.options,
    overlap: row.overlap,
    catchUp: row.catch_up,
    source: row.source,
    pausedAt: row.paused_at,
    pauseReason: row.pause_reason,
    lastError: row.last_error,
    description: row.description,
  }
}
