import { describe, expect, test } from 'vitest'
import { useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'

const database = useDatabase({ name: 'broken_index' })
const apps = useApps(database)

describe('F-35 an index that is invalid, or gone,', () => {
  test.each([
    [
      'invalid',
      `update pg_index set indisvalid = false, indisready = false
        where indexrelid = any (array['celeriac.jobs_for_claim', 'celeriac.jobs_for_expiry', 'celeriac.results_by_id']::regclass[])`,
    ],
    ['gone', 'drop index celeriac.jobs_for_claim, celeriac.jobs_for_expiry'],
  ])('costs time alone: each job runs once, in its order (%s)', async (_, breaks) => {
    await database.query(breaks)
    const app = apps.app()
    const ran: string[] = []
    const task = app.task('order', (name: string) => {
      ran.push(name)
      return name
    })
    const low = await task.with({ priority: -1 }).enqueueMany([['d'], ['e']])
    const handles = await task.enqueueMany([['b'], ['c']])
    const high = await task.with({ priority: 1 }).enqueue('a')
    const expired = await task.with({ expires: 1 }).enqueue('never')
    await apps.worker(app, { concurrency: 1 })
    for (const handle of [...low, ...handles, high]) await handle.result({ timeout: '10s' })
    expect(await expired.settled({ timeout: '20s' })).toMatchObject({ ok: false })
    expect(ran).toEqual(['a', 'b', 'c', 'd', 'e'])
  })
})
