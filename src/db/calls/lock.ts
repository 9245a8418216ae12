import type { Database, Executor } from '../database.ts'

/** Who asks for a lock. */
export interface LockClaim {
  readonly key: string
  /** The app: a lease that it has itself is no obstacle. */
  readonly holderId: string
  /** For people. */
  readonly holder: string
  readonly jobId: string | null
}

/** Who holds a lock, as far as is known. */
export interface LockHolder {
  /** Name of the worker, or host and process id of the app. */
  readonly name: string
  /** The job whose handler holds it; null outside of jobs. */
  readonly jobId: string | null
  readonly since: Date
}

/** Answer of `take_lock`. */
export type LockAnswer =
  | { readonly fence: number }
  /** `id` stands for the key in notifications. */
  | { readonly fence: null; readonly id: string; readonly holder: LockHolder | null }

/**
 * Takes a lock if it is free.
 *
 * @param how - for so many ms; or for as long as the session lives whose server process that is
 * @returns null when it is another server process: nothing was taken
 */
export async function takeLock(
  database: Database,
  claim: LockClaim,
  how: { readonly leaseMs: number } | { readonly pid: number },
  executor: Executor,
): Promise<LockAnswer | null> {
  const { key, holderId, holder, jobId } = claim
  const [leaseMs, pid] = 'pid' in how ? [null, how.pid] : [how.leaseMs, null]
  const [row] = await database.call('take_lock', [key, holderId, holder, jobId, leaseMs, pid], executor)
  if (row === undefined) return null
  const fence = row.fence ?? null
  if (fence !== null) return { fence: Number(fence) }
  const held = row.holder ?? null
  return {
    fence: null,
    id: String(row.id),
    holder:
      held === null
        ? null
        : {
            name: String(held),
            jobId: row.job_id === null ? null : String(row.job_id),
            since: row.since as Date,
          },
  }
}

/** Lets go of what a `takeLock` that failed may have taken. */
export async function dropLock(database: Database, key: string, session: Executor): Promise<void> {
  await database.call('drop_lock', [key], session)
}

/** Gives a lock back. */
export async function releaseLock(
  database: Database,
  lock: { readonly key: string; readonly fence: number; readonly session: boolean },
  executor: Executor,
): Promise<{ readonly held: boolean; readonly wanted: boolean }> {
  const { key, fence, session } = lock
  const [row] = await database.call('release_lock', [key, fence, session], executor)
  return { held: row?.held === true, wanted: row?.wanted === true }
}

/** Renews leases; tells which were renewed, and which somebody else has or had. A row that is busy is in neither. */
export async function renewLocks(
  database: Database,
  locks: readonly { readonly key: string; readonly fence: number }[],
  leaseMs: number,
): Promise<{ readonly renewed: readonly string[]; readonly gone: readonly string[] }> {
  const keys = locks.map(({ key }) => key)
  const fences = locks.map(({ fence }) => fence)
  const rows = await database.call('renew_locks', [keys, fences, leaseMs])
  const those = (renewed: boolean): string[] =>
    rows.filter((row) => row.renewed === renewed).map((row) => String(row.key))
  return { renewed: those(true), gone: those(false) }
}

/** The server process that serves a session. */
export async function readServerPid(session: Executor): Promise<number> {
  const [row] = await session.query({ text: 'select pg_backend_pid() as pid', values: [] })
  return Number(row?.pid)
}

/** Removes what holders that are gone have left. */
export async function clearLocks(database: Database, executor: Executor): Promise<void> {
  await database.call('clear_locks', [], executor)
}

/**
 * Makes sure, in somebody's transaction, that a lock is held and stays so until that has ended.
 *
 * @throws {CeleriacError} `LOCK_LOST`; the transaction is unusable from then on.
 */
export async function assertLock(
  database: Database,
  lock: { readonly key: string; readonly fence: number },
  executor: Executor,
): Promise<void> {
  // Without a name: what prepares statements may not be what lends the connection of somebody's transaction.
  await database.call('assert_lock', [lock.key, lock.fence], {
    query: ({ text, values }) => executor.query({ text, values }),
  })
}
