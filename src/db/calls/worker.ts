import { plainArray } from '../array-literal.ts'
import type { Database, Executor } from '../database.ts'

/** What a worker says about itself when it starts. */
export interface WorkerEntry {
  readonly id: string
  /** Null where sessions cannot hold locks. */
  readonly presenceKey: string | null
  readonly name: string
  readonly host: string
  readonly pid: number
  readonly version: string
  readonly queues: readonly string[]
  readonly tasks: readonly string[]
  readonly concurrency: number
  /** False for one that goes on under a new id. */
  readonly fresh: boolean
}

export async function registerWorker(
  database: Database,
  worker: WorkerEntry,
  executor?: Executor,
): Promise<void> {
  await database.call(
    'register_worker',
    [
      worker.id,
      worker.presenceKey,
      worker.name,
      worker.host,
      worker.pid,
      worker.version,
      [...worker.queues],
      [...worker.tasks],
      worker.concurrency,
      worker.fresh,
    ],
    executor,
  )
}

/** Holds the worker's lock for as long as the session lives: whoever gets it exclusively knows that the session is gone. */
export async function lockPresence(session: Executor, presenceKey: string): Promise<void> {
  await session.query({ text: 'select pg_advisory_lock_shared($1::bigint)', values: [presenceKey] })
}

/** Lets go of the lock of a worker that has left. */
export async function unlockPresence(session: Executor, presenceKey: string): Promise<void> {
  await session.query({ text: 'select pg_advisory_unlock_shared($1::bigint)', values: [presenceKey] })
}

/** What a worker says about itself while it lives. */
export interface Heartbeat {
  readonly id: string
  readonly running: number
  readonly idle: boolean
  readonly stopping: boolean
  readonly tasks: readonly string[]
  readonly stats: Readonly<Record<string, number>>
  readonly beatMs: number
  /** Attempts to ask about. */
  readonly attempts: readonly HeldAttempt[]
}

/** An attempt that a worker believes to hold. */
export interface HeldAttempt {
  readonly id: string
  readonly token: number
}

/** What a worker is told with its heartbeat. */
export interface HeartbeatAnswer {
  /** False when it was taken for dead. */
  readonly known: boolean
  readonly lost: readonly HeldAttempt[]
  readonly cancelled: readonly { readonly id: string; readonly reason: string }[]
}

export async function recordHeartbeat(
  database: Database,
  beat: Heartbeat,
  executor: Executor,
): Promise<HeartbeatAnswer> {
  const [row] = await database.call(
    'record_heartbeat',
    [
      beat.id,
      beat.running,
      beat.idle,
      beat.stopping,
      [...beat.tasks],
      JSON.stringify(beat.stats),
      JSON.stringify(beat.attempts.map(({ id, token }) => [id, token])),
      beat.beatMs,
    ],
    executor,
  )
  const reasons = (row?.reasons as string[] | null) ?? []
  const tokens = (row?.lost_tokens as string[] | null) ?? []
  return {
    known: row?.known === true,
    lost: ((row?.lost as string[] | null) ?? []).map((id, index) => ({ id, token: Number(tokens[index]) })),
    cancelled: ((row?.cancelled as string[] | null) ?? []).map((id, index) => ({
      id,
      reason: reasons[index] ?? '',
    })),
  }
}

export async function announceIdle(database: Database, workerId: string): Promise<void> {
  await database.call('announce_idle', [workerId])
}

/** Removes a worker and gives back what it still holds; returns how many jobs went back. */
export async function deregisterWorker(database: Database, workerId: string): Promise<number> {
  const [row] = await database.call('deregister_worker', [workerId, '{}'])
  return Number(row?.deregister_worker ?? 0)
}

/** Claims that the table says a worker holds. */
export async function findHeld(database: Database, workerId: string): Promise<HeldAttempt[]> {
  const rows = await database.call('find_held', [workerId])
  return rows.map((row) => ({ id: row.job_id as string, token: Number(row.token) }))
}

/** Gives back claims of a worker that it still holds by those tokens; returns how many. */
export async function releaseWorkerJobs(
  database: Database,
  workerId: string,
  claims: readonly HeldAttempt[],
): Promise<number> {
  if (claims.length === 0) return 0
  const [row] = await database.call('release_worker_jobs', [
    workerId,
    plainArray(claims.map(({ id }) => id)),
    plainArray(claims.map(({ token }) => token)),
  ])
  return Number(row?.release_worker_jobs ?? 0)
}
