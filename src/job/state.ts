import type { JobState } from '../db/calls/read-jobs.ts'

export type { JobState }

/** The six states, in the order of a job's life; the enum `job_state` says the same. */
export const JOB_STATES = [
  'waiting',
  'pending',
  'running',
  'succeeded',
  'failed',
  'cancelled',
] as const satisfies readonly JobState[]

/** Whether a state is final. */
export function isSettled(state: JobState): state is 'succeeded' | 'failed' | 'cancelled' {
  return state === 'succeeded' || state === 'failed' || state === 'cancelled'
}
