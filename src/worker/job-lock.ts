import { CeleriacError } from '../base/errors.ts'
import type { LockVerb } from '../lock/lock.ts'
import type { Locks } from '../lock/locks.ts'
import { JobControl } from '../task/job-control.ts'
import type { Attempt } from './attempt.ts'

const AWAY_MS = { first: 1_000, most: 30_000 } as const

/** `job.lock` of an attempt. @param uncharged - attempts of its job that were sent back before */
export function jobLock(attempt: Attempt, locks: Locks, uncharged: number): LockVerb {
  const owner = () => {
    const { id: jobId, worker, signal } = attempt
    if (attempt.ended) throw new CeleriacError('LEASE_LOST', { jobId, attempt: attempt.attempt })
    return { name: worker.name, jobId, signal }
  }
  return locks.verb(owner, () => {
    throw new JobControl('snooze', awayMs(uncharged), 'the lock is held')
  })
}

/** How long a job stays away that found its lock held: longer each time. */
function awayMs(uncharged: number): number {
  const most = Math.min(AWAY_MS.most, AWAY_MS.first * 2 ** Math.min(uncharged, 10))
  return most / 2 + (Math.random() * most) / 2
}
