import type { PauseListRow, QueueOverviewRow } from '../db/tables.ts'
import type { QueueOptions } from './options.ts'

/** What is paused. */
export interface PauseInfo {
  readonly kind: 'queue' | 'task' | 'label'
  /** Of a label its name and value: `tenant=acme`. */
  readonly name: string
  readonly reason: string | null
  readonly since: Date
  /** When it ends by itself; null for never. */
  readonly until: Date | null
}

/** A queue and what is in it; counts are exact. */
export interface QueueInfo {
  readonly name: string
  /** As the app declares it. */
  readonly description: string | null
  /** Jobs that a worker may claim now. */
  readonly ready: number
  /** Jobs whose time has not come. */
  readonly scheduled: number
  /** Jobs that wait for something else than time: other jobs, limits. */
  readonly waiting: number
  /** Of those, how many a limit holds. */
  readonly held: number
  readonly running: number
  readonly oldestReadyAt: Date | null
  /** Living workers that claim from it, and how many jobs they run at once. */
  readonly workers: number
  readonly slots: number
  /** It holds jobs, and no living worker claims from it. */
  readonly unserved: boolean
  /** Null when it is not paused. */
  readonly pause: Omit<PauseInfo, 'kind' | 'name'> | null
}

/** What a row of `pause_list` says. */
export function pauseInfo({ kind, name, reason, paused_at, expires_at }: PauseListRow): PauseInfo {
  return { kind, name, reason, since: paused_at, until: expires_at }
}

/** What a row of `queue_overview` says, with what the app says of the queue. */
export function queueInfo(row: QueueOverviewRow, options: QueueOptions | undefined): QueueInfo {
  const { name, unserved, oldest_ready_at: oldestReadyAt } = row
  return {
    name,
    description: options?.description ?? null,
    ready: Number(row.ready),
    scheduled: Number(row.scheduled),
    waiting: Number(row.waiting),
    held: Number(row.held),
    running: Number(row.running),
    oldestReadyAt,
    workers: Number(row.workers),
    slots: Number(row.slots),
    unserved,
    pause:
      row.paused_at === null
        ? null
        : { reason: row.pause_reason, since: row.paused_at, until: row.paused_until },
  }
}

/** A queue that is declared and that nobody has used. */
export function unusedInfo(
  name: string,
  { description = null }: { readonly description?: string | null },
): QueueInfo {
  const none = { ready: 0, scheduled: 0, waiting: 0, held: 0, running: 0, workers: 0, slots: 0 }
  return { name, description, ...none, oldestReadyAt: null, unserved: false, pause: null }
}
