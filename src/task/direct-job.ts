import { CeleriacError } from '../base/errors.ts'
import type { JobContext } from './current-job.ts'
import { JobControl } from './job-control.ts'
import { SILENT_LOG } from './job-log.ts'

const NOBODY = '00000000-0000-0000-0000-000000000000'

/**
 * The context of a task that is called directly: there is no job, so its id is all zeros, nothing aborts it, progress
 * goes nowhere, and asking for another attempt throws to the caller.
 */
export function directJob(task: string, args: readonly unknown[]): JobContext {
  const now = new Date()
  return {
    id: NOBODY,
    task,
    queue: '',
    args,
    attempt: 1,
    maxAttempts: 1,
    priority: 0,
    labels: {},
    rootId: NOBODY,
    parentId: null,
    enqueuedAt: now,
    claimedAt: now,
    worker: null,
    signal: new AbortController().signal,
    log: SILENT_LOG,
    progress: () => undefined,
    retry: (options) => {
      throw new JobControl('retry', null, options?.reason ?? '')
    },
    snooze: () => {
      throw new JobControl('snooze', null, '')
    },
    discard: (reason) => {
      throw new CeleriacError('JOB_DISCARDED', { jobId: NOBODY, reason })
    },
  }
}
