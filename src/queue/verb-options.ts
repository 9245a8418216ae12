import type { Duration } from '../base/duration.ts'
import type { EditFilter } from './edits.ts'

/** Options of {@link Queues.move}. */
export interface MoveOptions {
  readonly from: string
  readonly to: string
  /** Only jobs of this task; `*` and `?` stand for any characters and one. */
  readonly task?: string
  /** Only jobs with these labels. */
  readonly labels?: Readonly<Record<string, string>>
  /** Jobs to move at most, those with the lowest ids first. @defaultValue all */
  readonly limit?: number
  /** Only counts. @defaultValue false */
  readonly dryRun?: boolean
}

/** Options of {@link Queues.purge}. */
export interface PurgeOptions {
  /** Only jobs of this task; `*` and `?` stand for any characters and one. */
  readonly task?: string
  /** Only jobs with these labels. */
  readonly labels?: Readonly<Record<string, string>>
  /** Also those whose time has not come, retries among them. @defaultValue false */
  readonly scheduled?: boolean
  /** What those who wait for the jobs are told. @defaultValue 'purged' */
  readonly reason?: string
  /** Only counts. @defaultValue false */
  readonly dryRun?: boolean
}

/** When jobs are to begin: at an instant, or so long from now. */
export type NewTime = { readonly runAt: Date | string | number } | { readonly delay: Duration }

/** Jobs to edit: ids, or what they have in common. */
export type EditTarget = string | readonly string[] | EditFilter

/** Options of edits by a filter. */
export interface RehearseOptions {
  /** Only counts; for a filter, not for ids. @defaultValue false */
  readonly dryRun?: boolean
}
