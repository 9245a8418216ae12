import { isCeleriacError } from '../../base/errors.ts'
import type { Database } from '../database.ts'
import type { ScheduleListRow } from '../tables.ts'
import type { Enqueued } from './job.ts'

/** A schedule that is due, or has yet to be planned; instants are ms since 1970. */
export interface DueSchedule {
  readonly name: string
  readonly version: number
  readonly task: string
  /** As they are stored. */
  readonly args: unknown
  readonly lazy: boolean
  readonly options: object
  readonly rule: unknown
  readonly overlap: string
  readonly catchUp: 'none' | 'last' | 'all'
  readonly catchUpMax: number
  readonly deadlineMs: number | null
  readonly jitterMs: number
  readonly startsAt: number | null
  readonly endsAt: number | null
  /** Fires that are left; null for any number. */
  readonly left: number | null
  readonly plannedFrom: number
  /** Null for one that has yet to be planned. */
  readonly nextRunAt: number | null
}

/** What is due, by the clock of the database. */
export interface Due {
  readonly now: number
  /** When the next one is due; null for none. */
  readonly next: number | null
  readonly due: readonly DueSchedule[]
}

/** An instant to deal with; without a job it is missed. */
export interface FireTick {
  readonly at: number
  /** Shape of the job, and its args where they are not those of the row. */
  readonly job?: readonly [shape: object, args: unknown]
}

/** What to do with a schedule that was read. */
export interface Fire {
  readonly name: string
  readonly version: number
  /** Null for never again. */
  readonly next: number | null
  readonly ticks: readonly FireTick[]
}

/** What became of an instant. */
export type FireOutcome = 'fired' | 'queued' | 'cancelled_previous' | 'skipped' | 'missed'

/** What firing came to. */
export interface Fired extends Pick<Enqueued, 'asleep' | 'earliestUs'> {
  /** Schedules that were still as they were read. */
  readonly taken: readonly string[]
  readonly ticks: readonly {
    readonly name: string
    readonly at: number
    readonly outcome: FireOutcome
    readonly jobId: string | null
  }[]
}

export async function readSchedules(
  database: Database,
  tasks: readonly string[],
  lazy: readonly string[],
  most: number,
): Promise<Due> {
  const [row] = await database.call('read_schedules', [[...tasks], [...lazy], most])
  return JSON.parse(row?.read_schedules as string) as Due
}

/** Fires instants, each at most once; what others have changed or hold is left alone. */
export async function fireSchedules(database: Database, fires: readonly Fire[]): Promise<Fired> {
  const [row] = await database.call('fire_schedules', [JSON.stringify(fires)])
  const { taken, ticks, asleep, earliest } = JSON.parse(row?.fire_schedules as string) as {
    taken: string[]
    ticks: [string, number, FireOutcome, string | null][]
    asleep: string[]
    earliest: string
  }
  return {
    taken,
    ticks: ticks.map(([name, at, outcome, jobId]) => ({ name, at, outcome, jobId })),
    asleep,
    earliestUs: earliest,
  }
}

/** Disables a schedule that cannot fire; whether it still was what was read. */
export async function breakSchedule(
  database: Database,
  { name, version }: Pick<DueSchedule, 'name' | 'version'>,
  error: string,
): Promise<boolean> {
  const [row] = await database.call('break_schedule', [name, version, error])
  return row?.break_schedule === true
}

/** Says what the code of a worker declares; whether living workers disagree. */
export async function declareSchedules(
  database: Database,
  workerId: string,
  tasks: readonly string[],
  declared: string,
): Promise<boolean> {
  const [row] = await database.call('declare_schedules', [workerId, [...tasks], declared])
  return row?.declare_schedules === true
}

/** Makes schedules what living workers say; whether they disagree. */
export async function judgeSchedules(database: Database): Promise<boolean> {
  const [row] = await database.call('judge_schedules', [])
  return row?.judge_schedules === true
}

export async function putSchedule(database: Database, name: string, definition: object): Promise<void> {
  await database.call('put_schedule', [name, JSON.stringify(definition)])
}

/** Whether there is such a schedule. */
export async function pauseSchedule(
  database: Database,
  name: string,
  reason: string | null,
): Promise<boolean> {
  const [row] = await database.call('pause_schedule', [name, reason])
  return row?.pause_schedule === true
}

/** Whether there is such a schedule. */
export async function resumeSchedule(database: Database, name: string): Promise<boolean> {
  const [row] = await database.call('resume_schedule', [name])
  return row?.resume_schedule === true
}

/** Whether there is such a schedule that code declares. */
export async function resetSchedule(database: Database, name: string): Promise<boolean> {
  const [row] = await database.call('reset_schedule', [name])
  return row?.reset_schedule === true
}

/** What became of it; null for an unknown one. */
export async function removeSchedule(
  database: Database,
  name: string,
): Promise<'removed' | 'retired' | null> {
  const [row] = await database.call('remove_schedule', [name])
  return (row?.remove_schedule as 'removed' | 'retired' | null | undefined) ?? null
}

/** Leaves the next instant out; false when it has changed since it was read. */
export async function skipSchedule(
  database: Database,
  { name, version }: { readonly name: string; readonly version: string },
  next: number | null,
): Promise<boolean> {
  const [row] = await database.call('skip_schedule', [name, version, next])
  return row?.skip_schedule === true
}

/**
 * Enqueues a job of a schedule now; its id, or null for an unknown schedule.
 *
 * @param job - null for one that has the options of the schedule alone
 */
export async function runSchedule(
  database: Database,
  name: string,
  job: readonly [shape: object, args: unknown] | null,
): Promise<string | null> {
  const [row] = await database.call('run_schedule', [name, job === null ? null : JSON.stringify(job)])
  return (row?.run_schedule as string | null | undefined) ?? null
}

/** Forgets instants that were dealt with; returns how many. */
export async function pruneFires(
  database: Database,
  retentionMs: number | null,
  most: number,
): Promise<number> {
  const [row] = await database.call('prune_fires', [retentionMs, most])
  return Number(row?.prune_fires ?? 0)
}

/** A row of `schedule_list`, as far as the session may read it. */
export type ListedSchedule = Omit<ScheduleListRow, 'args' | 'options'> & {
  readonly args: ScheduleListRow['args'] | null
  readonly options: ScheduleListRow['options'] | null
}

const PLAIN = [
  'name',
  'task',
  'condition',
  'rule',
  'next_run_at',
  'last_run_at',
  'fires',
  'lazy',
  'overlap',
  'catch_up',
  'catch_up_max',
  'deadline_ms',
  'jitter_ms',
  'starts_at',
  'ends_at',
  'max_fires',
  'source',
  'paused_at',
  'created_at',
  'changed_at',
  'version',
]
/** What only those may read who may see data; others get null for it. */
const DATA = ['args', 'options', 'changes', 'pause_reason', 'last_error', 'description'] as const

/** Rows of `schedule_list`; of one name, or all. */
export async function readScheduleList(database: Database, name: string | null): Promise<ListedSchedule[]> {
  try {
    return await readList(database, name, '*')
  } catch (error) {
    if (!isCeleriacError(error, 'PERMISSION_DENIED')) throw error
    const rows = await readList(database, name, PLAIN.join(', '))
    return rows.map((row) => ({ ...row, ...Object.fromEntries(DATA.map((column) => [column, null])) }))
  }
}

async function readList(database: Database, name: string | null, columns: string): Promise<ListedSchedule[]> {
  const rows = await database.query({
    text: `select ${columns} from "${database.schema}".schedule_list where $1::text is null or name = $1 order by name`,
    values: [name],
  })
  return rows as unknown as ListedSchedule[]
}
