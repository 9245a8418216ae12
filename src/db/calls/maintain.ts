import type { Database } from '../database.ts'

/** Bounds of the rescue; all in ms but the last. */
export interface RescueBounds {
  readonly graceMs: number
  readonly beatMs: number
  readonly leaseMs: number
  readonly maxLosses: number
}

/** A worker that was declared dead, and what became of its jobs. */
export interface Rescue {
  readonly workerId: string
  readonly workerName: string
  readonly rescued: number
  readonly failed: number
}

export async function rescueJobs(database: Database, bounds: RescueBounds): Promise<Rescue[]> {
  const rows = await database.call('rescue_jobs', [
    bounds.graceMs,
    bounds.beatMs,
    bounds.leaseMs,
    bounds.maxLosses,
  ])
  return rows.map((row) => ({
    workerId: row.worker_id as string,
    workerName: row.worker_name as string,
    rescued: Number(row.rescued),
    failed: Number(row.failed),
  }))
}

export async function expireJobs(database: Database, most: number): Promise<number> {
  const [row] = await database.call('expire_jobs', [most])
  return Number(row?.expire_jobs ?? 0)
}

export async function makePartitions(database: Database, days: number): Promise<number> {
  const [row] = await database.call('make_partitions', [days])
  return Number(row?.make_partitions ?? 0)
}

export async function pruneResults(
  database: Database,
  retentionMs: number | null,
  most: number,
): Promise<{ dropped: number; deleted: number }> {
  const [row] = await database.call('prune_results', [retentionMs, most])
  return { dropped: Number(row?.dropped ?? 0), deleted: Number(row?.deleted ?? 0) }
}

/** Tasks of due jobs that no living worker has registered, with how many jobs wait for each. */
export async function findUnknownTasks(
  database: Database,
  most: number,
): Promise<{ task: string; jobs: number }[]> {
  const rows = await database.call('find_unknown_tasks', [most])
  return rows.map((row) => ({ task: row.task as string, jobs: Number(row.jobs) }))
}
