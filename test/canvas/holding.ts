import { openSession } from '../support/session.ts'
import { until } from '../support/until.ts'
import type { Lane } from './harness.ts'

let locks = 7_000

/** A lock of its own, at which `hold` stands. */
export interface Hold {
  readonly number: number
  /** Waits until so many handlers stand at it. */
  reached(count?: number): Promise<void>
  /** Lets them go on. */
  release(): Promise<void>
}

/** Keeps every `hold.s(…, number)` of a lane waiting while `work` goes on, or until it is released. */
export async function holding<Result>(lane: Lane, work: (hold: Hold) => Promise<Result>): Promise<Result> {
  locks += 1
  const number = locks
  await using session = await openSession(lane.database.url)
  await session.query('select pg_advisory_lock($1)', [number])
  return await work({
    number,
    reached: async (count = 1) => {
      await until(async () => (await waiting(lane, number)) >= count, {
        every: 5,
        what: `${count} at lock ${number}`,
      })
    },
    release: async () => {
      await session.query('select pg_advisory_unlock($1)', [number])
    },
  })
}

async function waiting(lane: Lane, number: number): Promise<number> {
  const rows = await lane.database.query(
    `select from pg_locks where locktype = 'advisory' and objid = $1 and not granted
      and database = (select oid from pg_database where datname = current_database())`,
    [number],
  )
  return rows.length
}
