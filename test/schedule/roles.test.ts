import { expect, test } from 'vitest'
import type { Celeriac } from '../../src/index.ts'
import { useGuarded } from '../migrate/roles-support.ts'
import { eventsOf, rejection, useApps } from '../support/apps.ts'
import { until } from '../support/until.ts'

const guarded = useGuarded('schedule_roles')
const apps = useApps(guarded.database)
const as = (role: string): Celeriac => apps.app({ database: guarded.url(role), schema: guarded.schema })

test('a worker declares and fires with its rights alone, an operator changes, a producer may not', async () => {
  const worker = as('worker')
  const errors = eventsOf(worker, 'error')
  let ran = 0
  worker
    .task('tick', () => {
      ran += 1
    })
    .every({ interval: 100, name: 'ticking', overlap: 'queue' })
  await apps.worker(worker)
  await until(() => ran > 1)

  const operator = as('operator')
  await operator.schedules.pause('ticking', { reason: 'quiet' })
  expect(await operator.schedules.get('ticking')).toMatchObject({
    condition: 'paused',
    // What jobs carry, and what people write, is for those who may see data.
    args: null,
    options: null,
    pauseReason: null,
  })
  await operator.schedules.put('other', { task: 'tick', cron: '@daily', overlap: 'cancel' })
  expect((await operator.schedules.list()).map(({ name }) => name)).toEqual(['other', 'ticking'])
  const before = ran
  await operator.schedules.runNow('other')
  await until(() => ran > before)
  expect(await operator.schedules.remove('other')).toBe('removed')
  expect(errors).toEqual([])

  const producer = as('producer')
  expect(await rejection(producer.schedules.put('mine', { task: 'tick', cron: '@daily' }))).toMatchObject({
    code: 'PERMISSION_DENIED',
  })
})
