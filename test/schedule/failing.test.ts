import { expect, test } from 'vitest'
import { useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'failing_schedules' })
const apps = useApps(database)
const CALM_MS = 900

test('F-46 looking for what is due is tried again, in no hurry however much is overdue, until it works', async () => {
  await database.query('alter function celeriac.declare_schedules rename to declare_none')
  const app = apps.app()
  const failed: number[] = []
  app.on('error', ({ during }) => {
    if (during === 'firing schedules') failed.push(performance.now())
  })
  app.task('tick', () => undefined).every({ interval: 200, name: 'ticking' })
  const worker = await apps.worker(app)
  // The start looks twice; what is between any later ones is up to the scheduler.
  await until(() => failed.length >= 4, { timeoutMs: 20_000, what: 'four failures' })
  const [, , third = 0, fourth = 0] = failed
  expect(fourth - third).toBeGreaterThan(CALM_MS)
  await database.query('alter function celeriac.declare_none rename to declare_schedules')
  await until(async () => (await app.schedules.list()).some(({ name }) => name === 'ticking'), {
    timeoutMs: 20_000,
    what: 'the schedule',
  })
  await worker.stop()
})
