import type { TestDatabase } from '../support/postgres.ts'

/** When the jobs of a task began, in ms by the database's clock, in order; those that were settled, and those that run. */
export async function startsOf(database: TestDatabase, task: string): Promise<number[]> {
  const rows = await database.query<{ ms: number }>(
    `select extract(epoch from claimed_at)::float8 * 1000 as ms from (
       select claimed_at from celeriac.results where task = $1
       union all select claimed_at from celeriac.jobs where task = $1 and worker_id is not null
       union all
       select attempt.claimed_at from celeriac.attempts as attempt
       join celeriac.results as result on result.id = attempt.job_id
       where result.task = $1 and attempt.outcome = 'retry'
     ) as one where claimed_at is not null order by 1`,
    [task],
  )
  return rows.map(({ ms }) => ms)
}

/** The most starts in any window of this length, its end excluded. */
export function mostInAnyWindow(starts: readonly number[], windowMs: number): number {
  let first = 0
  let most = 0
  starts.forEach((at, index) => {
    // What lies a whole window back is outside; clocks are read to the microsecond.
    while (at - (starts[first] ?? at) >= windowMs - 0.001) first += 1
    most = Math.max(most, index - first + 1)
  })
  return most
}

/** The least time between two starts. */
export function leastGap(starts: readonly number[]): number {
  return Math.min(...starts.slice(1).map((at, index) => at - (starts[index] ?? at)))
}

/** The most jobs of a task, with the same first arg, that ran at once, by what their results tell. */
export async function mostAtOnce(database: TestDatabase, task: string, byKey = false): Promise<number> {
  const [row] = await database.query<{ most: number }>(
    `select max(beside)::int as most from (
       select count(*) as beside
       from celeriac.results as one
       join celeriac.results as other on other.task = one.task
         and other.claimed_at <= one.claimed_at and other.settled_at > one.claimed_at
         and (not $2 or other.args -> 0 = one.args -> 0)
       where one.task = $1 group by one.id
     ) as each`,
    [task, byKey],
  )
  return row?.most ?? 0
}
