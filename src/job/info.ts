import { type Codec, decodeValue } from '../base/json.ts'
import { restoreError, type StoredError } from '../base/thrown.ts'
import type { JobDetailRow } from '../db/calls/read-jobs.ts'
import type { JobState } from './state.ts'

/** What is known of a job; instants are the database's. */
export interface JobInfo {
  readonly id: string
  readonly state: JobState
  readonly task: string
  readonly queue: string
  readonly priority: number
  readonly args: readonly unknown[]
  readonly labels: Readonly<Record<string, string>>
  readonly attempt: number
  readonly maxAttempts: number
  readonly losses: number
  readonly progress: unknown
  readonly value: unknown
  readonly error: Error | null
  readonly cancelRequested: boolean
  readonly workerId: string | null
  readonly rootId: string
  readonly parentId: string | null
  readonly enqueuedAt: Date
  readonly runAt: Date | null
  readonly claimedAt: Date | null
  readonly settledAt: Date | null
  readonly expiresAt: Date | null
}

/** What a row says of its job. */
export function infoFrom(row: JobDetailRow, codec: Codec | undefined): JobInfo {
  const at = (instant: string | null): Date | null => (instant === null ? null : new Date(instant))
  return {
    id: row.id,
    state: row.state,
    task: row.task,
    queue: row.queue,
    priority: row.priority,
    args: row.args.map((arg) => decodeValue(arg, codec, 'argument')),
    labels: row.labels ?? {},
    attempt: row.attempt,
    maxAttempts: row.max_attempts,
    losses: row.losses,
    progress: row.progress === null ? null : decodeValue(row.progress, codec),
    value: row.value === null ? null : decodeValue(row.value, codec),
    error: row.error === null ? null : restoreError(row.error as StoredError),
    cancelRequested: row.cancel_requested_at !== null,
    workerId: row.worker_id,
    rootId: row.root_id ?? row.id,
    parentId: row.parent_id,
    enqueuedAt: new Date(row.enqueued_at),
    runAt: at(row.run_at),
    claimedAt: at(row.claimed_at),
    settledAt: at(row.settled_at),
    expiresAt: at(row.expires_at),
  }
}
