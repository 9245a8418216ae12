import type { Database } from '../database.ts'

/** Bounds of a round of maintenance; what ends in Ms is in ms. */
export interface RoundBounds {
  readonly graceMs: number
  readonly beatMs: number
  readonly leaseMs: number
  readonly maxLosses: number
  /** Whether to look for jobs of workers nobody knows: a walk over all jobs. */
  readonly orphans: boolean
  /** Jobs rescued and expired at most. */
  readonly most: number
}

/** A worker that was declared dead, and what became of its jobs. */
export interface Rescue {
  readonly workerId: string
  /** Null for a worker nobody knows. */
  readonly workerName: string | null
  /** What showed that it is dead; null for a worker nobody knows. */
  readonly reason: string | null
  readonly rescued: number
  readonly failed: number
}

/** What one round of urgent maintenance did. */
export interface Round {
  readonly rescues: readonly Rescue[]
  /** Jobs that were cancelled because it was too late to begin them. */
  readonly expired: number
  /** Until a worker that is suspected to be dead can be declared so, in ms; null when none is. */
  readonly suspectInMs: number | null
}

/** Does one round of urgent maintenance on behalf of a worker; null when somebody else is doing one. */
export async function runRound(
  database: Database,
  accuser: string,
  bounds: RoundBounds,
): Promise<Round | null> {
  const { graceMs, beatMs, leaseMs, maxLosses, orphans, most } = bounds
  const [row] = await database.call('run_round', [
    accuser,
    graceMs,
    beatMs,
    leaseMs,
    maxLosses,
    orphans,
    most,
  ])
  if (typeof row?.run_round !== 'string') return null
  const [rescues, expired, suspectInMs] = JSON.parse(row.run_round) as [
    [string, string | null, string | null, number, number][],
    number,
    number | null,
  ]
  return {
    rescues: rescues.map(([workerId, workerName, reason, rescued, failed]) => ({
      workerId,
      workerName,
      reason,
      rescued,
      failed,
    })),
    expired,
    suspectInMs,
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

/** Removes what nobody has used for long of limits; returns how many rows, of lanes or of buckets. */
export async function pruneLanes(database: Database, most: number): Promise<number> {
  const [row] = await database.call('prune_lanes', [most])
  return Number(row?.prune_lanes ?? 0)
}
