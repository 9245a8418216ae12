import type { JobState } from './calls/read-jobs.ts'

/** A row of `job_list`; the comments of its columns are in `sql/views/job_list.sql`. */
export interface JobListRow {
  readonly id: string
  readonly state: JobState
  readonly condition: 'scheduled' | 'ready' | 'retrying' | 'expired' | 'cancelling' | 'stalled' | null
  readonly task: string
  readonly queue: string
  readonly priority: number
  readonly attempt: number
  readonly max_attempts: number
  readonly enqueued_at: Date
  readonly run_at: Date | null
  readonly claimed_at: Date | null
  readonly settled_at: Date | null
  readonly expires_at: Date | null
  readonly worker_id: string | null
  readonly root_id: string | null
  readonly parent_id: string | null
  readonly labels: Readonly<Record<string, string>> | null
  readonly progress: unknown
  readonly error_name: string | null
  readonly error_message: string | null
  readonly reason: string | null
}

/** A row of `attempt_list`. */
export interface AttemptListRow {
  readonly job_id: string
  readonly attempt: number
  readonly outcome: 'retry' | 'failed' | 'cancelled' | 'lost'
  readonly error_name: string | null
  readonly error_message: string | null
  readonly error: unknown
  readonly worker_id: string | null
  readonly claimed_at: Date | null
  readonly ended_at: Date
  readonly retry_at: Date | null
  readonly token: string
}

/** A row of `queue_overview`; counts come as the driver reads bigint: as text. */
export interface QueueOverviewRow {
  readonly name: string
  readonly waiting: string
  readonly scheduled: string
  readonly ready: string
  readonly running: string
  readonly oldest_ready_at: Date | null
  readonly workers: string
  readonly slots: string
  readonly held: string
  readonly unserved: boolean
  readonly paused_at: Date | null
  readonly paused_until: Date | null
  readonly pause_reason: string | null
}

/** A row of `pause_list`. */
export interface PauseListRow {
  readonly kind: 'queue' | 'task' | 'label'
  readonly name: string
  readonly reason: string | null
  readonly paused_at: Date
  readonly expires_at: Date | null
}

/** A row of `worker_overview`. */
export interface WorkerOverviewRow {
  readonly id: string
  readonly name: string
  readonly condition: 'idle' | 'busy' | 'stopping' | 'lost'
  readonly host: string
  readonly pid: number
  readonly version: string
  readonly queues: readonly string[]
  readonly tasks: readonly string[]
  readonly concurrency: number
  readonly running: number
  readonly started_at: Date
  readonly heartbeat_at: Date
  readonly stats: unknown
}

/** A row of `limit_list`; counts come as the driver reads bigint: as text. */
export interface LimitListRow {
  readonly name: string
  readonly key: string | null
  readonly condition: 'open' | 'spent' | 'full' | 'held'
  readonly concurrency: number | null
  readonly rate_limit: number | null
  readonly rate_per_ms: number | null
  readonly rate_burst: number | null
  readonly running: string
  readonly holder_ids: readonly string[]
  readonly started: number
  readonly waiting_lanes: string
  /** `Infinity` while it is held until somebody releases it. */
  readonly next_start_at: Date | number | null
  readonly held_until: Date | number | null
  readonly hold_reason: string | null
  readonly declared: unknown
  readonly chosen: unknown
  readonly declared_at: Date | null
  readonly chosen_at: Date | null
}

/** A row of `schedule_list`. */
export interface ScheduleListRow {
  readonly name: string
  readonly task: string
  readonly condition: 'active' | 'paused' | 'broken' | 'finished' | 'retired'
  readonly rule: Readonly<Record<string, unknown>>
  readonly next_run_at: Date | null
  readonly last_run_at: Date | null
  readonly fires: string
  readonly args: readonly unknown[]
  readonly lazy: boolean
  readonly options: Readonly<Record<string, unknown>>
  readonly overlap: 'allow' | 'skip' | 'queue' | 'cancel'
  readonly catch_up: 'none' | 'last' | 'all'
  readonly catch_up_max: number
  readonly deadline_ms: string | null
  readonly jitter_ms: string
  readonly starts_at: Date | null
  readonly ends_at: Date | null
  readonly max_fires: string | null
  readonly source: 'code' | 'runtime'
  readonly changes: Readonly<Record<string, unknown>> | null
  readonly paused_at: Date | null
  readonly pause_reason: string | null
  readonly last_error: string | null
  readonly description: string | null
  readonly created_at: Date
  readonly changed_at: Date
  readonly version: string
}

/** The views that may be read. */
export interface Views {
  readonly job_list: JobListRow
  readonly attempt_list: AttemptListRow
  readonly queue_overview: QueueOverviewRow
  readonly pause_list: PauseListRow
  readonly worker_overview: WorkerOverviewRow
  readonly limit_list: LimitListRow
  readonly schedule_list: ScheduleListRow
}
