import type { Duration } from '../base/duration.ts'
import type { CallOptions } from './options.ts'

/** A field of a {@link CronTable}: a number, a text such as `'8-18/4'` or `'mon,fri'`, or a list or Set of those. */
export type CronValue = number | string | readonly (number | string)[] | ReadonlySet<number | string>

/** A cron expression by its fields, as Celery's `crontab`: what is left out is `*`, so that `{ hour: 7 }` is every minute of that hour. */
export interface CronTable {
  readonly minute?: CronValue
  readonly hour?: CronValue
  readonly dayOfMonth?: CronValue
  readonly monthOfYear?: CronValue
  readonly dayOfWeek?: CronValue
}

/** When a schedule fires: by a cron expression, every so often, or once. */
export type ScheduleRule =
  | {
      /**
       * `minute hour day-of-month month day-of-week`, or 6 fields with seconds first, or an alias such as `'@daily'`;
       * names, ranges (also `22-2`), steps, `L` and `5L` (last), `1#2` (second Monday).
       */
      readonly cron: string | CronTable
      /** Zone of its wall clock, such as `'Europe/Lisbon'`. @defaultValue 'UTC' */
      readonly timezone?: string
      /**
       * Whether both day fields must match or either, when both are given. @defaultValue 'or' for a text, as cron does;
       * 'and' for fields, as Celery does
       */
      readonly dayMatch?: 'and' | 'or'
      readonly interval?: never
      readonly at?: never
    }
  | {
      /** From 100 ms on. The first time is one interval after it was first seen, or at `start`. */
      readonly interval: Duration
      /** On multiples of the interval (UTC), so that `'1h'` is on the hour. @defaultValue false */
      readonly aligned?: boolean
      readonly cron?: never
      readonly at?: never
    }
  | {
      /** Once, at this instant. One that has passed: at once with `schedules.put`, never in code. */
      readonly at: Date | string | number
      readonly cron?: never
      readonly interval?: never
    }

/** What else a schedule can be told. */
export interface ScheduleSettings {
  /** What it is for. */
  readonly description?: string
  /** No earlier instant fires; an interval counts from it. */
  readonly start?: Date | string | number
  /** No later instant fires. */
  readonly end?: Date | string | number
  /** Fires in all. */
  readonly count?: number
  /** Each job is due later than its instant by up to this, drawn anew each time. */
  readonly jitter?: Duration
  /** While the job before is not settled: enqueue another one, skip, let one wait behind it, or cancel it. @defaultValue 'allow' */
  readonly overlap?: 'allow' | 'skip' | 'queue' | 'cancel'
  /**
   * Instants that passed while no worker ran: none of them fires, the last one, or all (see `catchUpMax`).
   * @defaultValue 'last'
   */
  readonly catchUp?: 'none' | 'last' | 'all'
  /** The latest so many of those that are made up for. From 1 to 1,000. @defaultValue 100 */
  readonly catchUpMax?: number
  /** An instant that could not fire within this time never does. @defaultValue none; 10 s where `catchUp` is 'none' */
  readonly deadline?: Duration
  /** Options of its jobs, over those of the task. */
  readonly options?: ScheduledOptions
}

/** Options of a scheduled job. */
export type ScheduledOptions = Omit<CallOptions, 'id' | 'tx' | 'runAt' | 'expires'> & {
  /** Too late to begin after this long. */
  readonly expires?: Duration
}

/** Args of scheduled jobs: a list, or a function of the instant that makes one when it fires. */
export type ScheduledArgs<Args extends readonly unknown[]> = Args | ((instant: Date) => Args | Promise<Args>)

/** What `task.every` takes. */
export type EveryOptions<Args extends readonly unknown[]> = ScheduleRule &
  ScheduleSettings & {
    /** Name of the schedule, unique in the installation. @defaultValue the task and the rule, such as `digest (0 7 * * *)` */
    readonly name?: string
  } & ([] extends Args ? { readonly args?: ScheduledArgs<Args> } : { readonly args: ScheduledArgs<Args> })
