import { describe, expect, test } from 'vitest'
import { currentJob } from '../../src/index.ts'
import { eventsOf, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'firing' })
const apps = useApps(database)

describe('a schedule', () => {
  test('B-8 B-87 fires one interval after it was first seen, and its jobs know it', async () => {
    const app = apps.app()
    const seen: unknown[] = []
    app.task('tick', () => void seen.push(currentJob().schedule)).every({ interval: 200, name: 'ticking' })
    const fired = eventsOf(app, 'schedule:fired')
    await apps.worker(app)
    const { nextRunAt } = await app.schedules.get('ticking')
    await until(() => seen.length >= 3)
    expect(fired.map(({ instant }) => instant).slice(0, 2)).toEqual([
      nextRunAt,
      new Date((nextRunAt?.getTime() ?? 0) + 200),
    ])
    expect(seen[0]).toEqual({ name: 'ticking', instant: nextRunAt })
    await app.schedules.remove('ticking')
  })
})
