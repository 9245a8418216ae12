import { CeleriacError } from '../base/errors.ts'
import type { Database } from '../db/database.ts'
import { openTransaction, type TransactionClient } from '../db/open-transaction.ts'
import { callerTransaction } from '../db/transaction.ts'
import type { LockVerb } from '../lock/lock.ts'
import type { JobContext, StartableLike } from './current-job.ts'
import { JobControl } from './job-control.ts'
import { SILENT_LOG } from './job-log.ts'

/** What calling a task directly needs of the app. */
export interface DirectCallContext {
  readonly database: Database
  /** `job.lock` of those who are no job. */
  readonly lock: LockVerb
}

const NOBODY = '00000000-0000-0000-0000-000000000000'

/**
 * The context of a task that is called directly: there is no job, so its id is all zeros, nothing aborts it, progress
 * goes nowhere, asking for another attempt throws to the caller, and a transaction is one, with nothing to settle in it.
 */
export function directJob(
  task: string,
  args: readonly unknown[],
  { database, lock }: DirectCallContext,
): JobContext {
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
    workflow: null,
    schedule: null,
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
    replace: () => {
      throw new CeleriacError('NOT_ENQUEUED', { verb: 'replace' })
    },
    addToChord: () => {
      throw new CeleriacError('CHORD_MISSING', { jobId: NOBODY })
    },
    enqueueChild: <Child extends StartableLike>(signature: Child) =>
      signature.enqueue() as ReturnType<Child['enqueue']>,
    lock,
    ...withoutEnd(database),
  }
}

/**
 * The context of a task that is called directly by the handler of a job: it is a part of that job, which is not over
 * when its part is.
 */
export function partOfJob(job: JobContext, database: Database): JobContext {
  const own = withoutEnd(database)
  return new Proxy(job, {
    get: (target, name) => {
      if (name === 'transaction' || name === 'complete') return own[name]
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** Transactions that settle nothing. */
function withoutEnd(database: Database): Pick<JobContext, 'transaction' | 'complete'> {
  return {
    transaction: (run) => inTransaction(database, run),
    complete: async (tx) => {
      callerTransaction(tx)
    },
  }
}

async function inTransaction<Result>(
  database: Database,
  run: (tx: TransactionClient) => Promise<Result> | Result,
): Promise<Result> {
  const tx = await openTransaction(database)
  let result: Result
  try {
    result = await run(tx.client)
  } catch (error) {
    await tx.rollback()
    throw error
  }
  await tx.commit()
  return result
}
