import { randomUUID } from 'node:crypto'
import type { TestDatabase } from '../support/postgres.ts'

/** Where a job that holds a key may be. */
export const PLACES = ['pending', 'retrying', 'running', 'succeeded', 'failed', 'cancelled'] as const
export type Place = (typeof PLACES)[number]

/** Brings a job that was just enqueued to where a test wants it, as workers would. */
export async function bringTo(database: TestDatabase, id: string, place: Place): Promise<void> {
  if (place === 'pending') return
  const [attempt, worker] = place === 'retrying' ? [1, null] : [1, randomUUID()]
  await database.query(
    `update celeriac.jobs set attempt = $2, token = 1, worker_id = $3, claimed_at = now(), run_at = now() where id = $1`,
    [id, attempt, worker],
  )
  if (place === 'retrying' || place === 'running') return
  await database.query(
    `with gone as (delete from celeriac.jobs where id = $1 returning *)
      insert into celeriac.results (id, settled_at, enqueued_at, token, attempt, max_attempts, snoozes, losses, state, priority,
        queue, task, args, options)
      select id, now(), enqueued_at, token, attempt, max_attempts, snoozes, losses, $2, priority, queue, task, args, options from gone`,
    [id, place],
  )
}
