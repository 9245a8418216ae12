import type { Database } from '../database.ts'

/** Bounds of the rescue; all in ms but the last two. */
export interface RescueBounds {
  readonly graceMs: number
  readonly beatMs: number
  readonly leaseMs: number
  readonly maxLosses: number
  /** Whether to look for jobs of workers nobody knows: a walk over all jobs. */
  readonly orphans: boolean
}

/** A worker that was declared dead, and what became of its jobs. */
export interface Rescue {
  readonly workerId: string
  /** Null for a worker nobody knows. */
  readonly workerName: string | null
  readonly rescued: number
  readonly failed: number
}

/** What one round of urgent maintenance did. */
export interface Round {
  readonly rescues: readonly Rescue[]
  /** Jobs that were cancelled because it was too late to begin them. */
  readonly expired: number
}

/**
 * Rescues the jobs of dead workers and cancels what has expired, in one statement: it runs twice a second for as long
 * as there is a worker, so it is to cost one round trip.
 */
export async function runRound(database: Database, bounds: RescueBounds, expireMost: number): Promise<Round> {
  const { schema } = database
  const [row] = await database.query({
    name: `${schema}.run_round`,
    text: `select
      (select coalesce(json_agg(rescue), '[]')::text from "${schema}".rescue_jobs($1, $2, $3, $4, $5) as rescue) as rescues,
      "${schema}".expire_jobs($6) as expired`,
    values: [bounds.graceMs, bounds.beatMs, bounds.leaseMs, bounds.maxLosses, bounds.orphans, expireMost],
  })
  const rescues = JSON.parse(String(row?.rescues)) as {
    worker_id: string
    worker_name: string | null
    rescued: number
    failed: number
  }[]
  return {
    rescues: rescues.map((rescue) => ({
      workerId: rescue.worker_id,
      workerName: rescue.worker_name,
      rescued: rescue.rescued,
      failed: rescue.failed,
    })),
    expired: Number(row?.expired),
  }
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
