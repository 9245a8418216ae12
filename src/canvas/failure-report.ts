import type { StoredError } from '../base/thrown.ts'

/** What an error handler is called with: the job that failed, and how. */
export interface FailureReport {
  readonly jobId: string
  readonly task: string
  /** Args as they are stored: without what the job took from the one before. */
  readonly args: readonly unknown[]
  /** The attempt that failed last, counted from 1. */
  readonly attempt: number
  readonly state: 'failed' | 'cancelled'
  readonly error: StoredError
  /** Id of the workflow that the job belongs to. */
  readonly workflow: string
}
