import { expectTypeOf, test } from 'vitest'
import { Celeriac, type ScheduleInfo } from '../../src/index.ts'

const app = new Celeriac({ database: 'postgres://nowhere' })
const none = app.task('none', () => 1)
const two = app.task('two', (x: number, y?: string) => `${x}${y}`)

test('every takes the args of its task', () => {
  expectTypeOf(none.every({ interval: '5m' })).toEqualTypeOf(none)
  two.every({ cron: '@daily', args: [1] })
  two.every({ cron: { minute: [0, '30'], hour: new Set([7]) }, args: (instant) => [instant.getTime(), 'x'] })
  two.every({ at: new Date(), args: async () => [1, 'y'] })
  // @ts-expect-error the task has a parameter
  two.every({ cron: '@daily' })
  // @ts-expect-error which is a number
  two.every({ cron: '@daily', args: ['1'] })
  // @ts-expect-error and the function makes none
  two.every({ cron: '@daily', args: () => [] })
})

test('B-81 a schedule has one rule', () => {
  // @ts-expect-error it says not when
  none.every({ overlap: 'skip' })
  // @ts-expect-error it says so twice
  none.every({ cron: '@daily', interval: '1h' })
  // @ts-expect-error intervals have no zone
  none.every({ interval: '1h', timezone: 'UTC' })
  // @ts-expect-error there is no such policy
  none.every({ interval: '1h', overlap: 'queueOne' })
  // @ts-expect-error one id would be that of many jobs
  none.every({ interval: '1h', options: { id: 'x' } })
})

test('schedules of an app', () => {
  expectTypeOf(app.schedules.list()).resolves.toEqualTypeOf<ScheduleInfo[]>()
  expectTypeOf(app.schedules.preview('x')).resolves.toEqualTypeOf<Date[]>()
  void app.schedules.put('x', { task: two, interval: '1h', args: [1] })
  void app.schedules.put('x', { task: 'two', at: 0 })
  // @ts-expect-error it says not when
  void app.schedules.put('x', { task: 'two' })
})
