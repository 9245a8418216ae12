import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Celeriac } from '../../src/index.ts'
import { rejection, useApps } from '../support/apps.ts'
import { aWorker } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'deploy' })
const apps = useApps(database)

const judge = () => database.query('select celeriac.judge_schedules()')
const condition = async (app: Celeriac, name: string) => (await app.schedules.get(name)).condition

/** Says what the code of a worker declares, as the worker does when it starts. */
async function declare(worker: string, tasks: readonly string[], declared: object): Promise<void> {
  await database.query('select celeriac.declare_schedules($1, $2, $3)', [
    worker,
    [...tasks],
    JSON.stringify(declared),
  ])
}

/** A worker that has left in good order. */
const leave = (worker: string) => database.query('delete from celeriac.workers where id = $1', [worker])
const every = (interval: number) => ({ task: 'work', rule: { interval } })
const ruleOf = async (name: string) =>
  (
    await database.query(
      'select rule, retired_at is not null as retired from celeriac.schedules where name = $1',
      [name],
    )
  )[0]

describe('what code declares', () => {
  test('B-3 B-4 B-26 is there when a worker has started, changes with the code, and keeps its history', async () => {
    const first = apps.app()
    first.task('digest', () => undefined).every({ interval: 100, name: 'digest' })
    const worker = await apps.worker(first)
    await until(async () => (await first.schedules.get('digest')).fires > 1)
    await worker.stop()
    const { lastRunAt, fires } = await first.schedules.get('digest')

    const second = apps.app()
    second.task('digest', () => undefined).every({ cron: '0 7 * * *', name: 'digest', overlap: 'skip' })
    await apps.worker(second)
    expect(await second.schedules.get('digest')).toMatchObject({
      when: '0 7 * * *',
      overlap: 'skip',
      lastRunAt,
      fires,
      source: 'code',
    })
  })

  test('B-4 is retired when it is in no code any more, and only what code declared', async () => {
    const first = apps.app()
    first.task('kept', () => undefined).every({ interval: 100, name: 'dropped' })
    const worker = await apps.worker(first)
    await first.schedules.put('by people', { task: 'kept', cron: '@yearly' })
    await worker.stop()

    const second = apps.app()
    second.task('kept', () => undefined)
    await apps.worker(second)
    expect(await condition(second, 'dropped')).toBe('retired')
    expect(await condition(second, 'by people')).toBe('active')
    const { fires } = await second.schedules.get('dropped')

    const third = apps.app()
    third.task('kept', () => undefined).every({ interval: 100, name: 'dropped' })
    await apps.worker(third)
    await until(async () => (await third.schedules.get('dropped')).fires > fires)
  })

  test('B-4 what was changed at run time wins over the code, and outlives its next version', async () => {
    const first = apps.app()
    first.task('tuned', () => undefined).every({ cron: '@daily', name: 'tuned' })
    const worker = await apps.worker(first)
    await database.query(`update celeriac.schedules set overlap = 'skip', jitter_ms = 5 where name = 'tuned'`)
    await first.schedules.pause('tuned', { reason: 'quiet' })
    await worker.stop()

    const second = apps.app()
    second.task('tuned', () => undefined).every({ cron: '@hourly', name: 'tuned', overlap: 'cancel' })
    await apps.worker(second)
    expect(await second.schedules.get('tuned')).toMatchObject({
      when: '@hourly',
      overlap: 'skip',
      condition: 'paused',
    })
    expect(await database.query(`select changes from celeriac.schedule_list where name = 'tuned'`)).toEqual([
      { changes: { overlap: 'skip', jitter_ms: 5 } },
    ])
    await second.schedules.reset('tuned')
    expect(await second.schedules.get('tuned')).toMatchObject({ overlap: 'cancel', condition: 'paused' })
    await second.schedules.put('by hand', { task: 'tuned', cron: '@daily' })
    expect(await rejection(second.schedules.reset('by hand'))).toMatchObject({ code: 'SCHEDULE_STATE' })
  })

  test('one that people have removed stays so, until they resume it', async () => {
    const first = apps.app()
    first.task('unwanted', () => undefined).every({ cron: '@daily', name: 'unwanted' })
    const worker = await apps.worker(first)
    expect(await first.schedules.remove('unwanted')).toBe('retired')
    await worker.stop()
    await apps.worker(first)
    expect(await condition(first, 'unwanted')).toBe('retired')
    await first.schedules.resume('unwanted')
    expect(await condition(first, 'unwanted')).toBe('active')
    await judge()
    expect(await condition(first, 'unwanted')).toBe('active')
  })

  test('B-74 the same once more changes nothing: what was planned stays planned', async () => {
    const first = apps.app()
    first.task('steady', () => undefined).every({ interval: '1h', name: 'steady' })
    const worker = await apps.worker(first)
    const next = await until(async () => (await first.schedules.get('steady')).nextRunAt)
    await worker.stop()
    const second = apps.app()
    second.task('steady', () => undefined).every({ interval: '1h', name: 'steady' })
    await apps.worker(second)
    expect((await second.schedules.get('steady')).nextRunAt).toEqual(next)
  })

  test('B-74 another zone has it planned anew, without a burst', async () => {
    const app = apps.app()
    app.task('zoned', () => undefined).every({ cron: '0 7 * * *', name: 'zoned', catchUp: 'all' })
    await apps.worker(app)
    await until(async () => (await app.schedules.get('zoned')).nextRunAt)
    await database.query(
      `update celeriac.schedules set rule = rule || '{"timezone": "Pacific/Kiritimati"}' where name = 'zoned'`,
    )
    const { nextRunAt } = await until(async () => {
      const info = await app.schedules.get('zoned')
      return info.nextRunAt?.getUTCHours() === 17 && info
    })
    expect(nextRunAt?.getTime()).toBeGreaterThan(Date.now())
    expect((await app.schedules.get('zoned')).fires).toBe(0)
  })
})

describe('during a deploy', () => {
  test('the newest code holds, however often a worker with the old one starts again', async () => {
    const [old, other] = [await aWorker(database), await aWorker(database)]
    await declare(old, ['work'], { rolling: every(60_000) })
    await declare(other, ['work'], { rolling: every(5_000) })
    expect(await ruleOf('rolling')).toEqual({ rule: { interval: 5_000 }, retired: false })
    await leave(old)
    const again = await aWorker(database)
    await declare(again, ['work'], { rolling: every(60_000) })
    expect(await ruleOf('rolling')).toMatchObject({ rule: { interval: 5_000 } })
    // Taken back: the workers with the new code go.
    await leave(other)
    await judge()
    expect(await ruleOf('rolling')).toMatchObject({ rule: { interval: 60_000 } })
  })

  test('what only the new code declares fires, and what it no longer declares does so until the last old worker is gone', async () => {
    const [old, young] = [await aWorker(database), await aWorker(database)]
    await declare(old, ['work'], { leaving: every(60_000) })
    await declare(young, ['work'], { coming: every(60_000) })
    expect(await ruleOf('coming')).toMatchObject({ retired: false })
    expect(await ruleOf('leaving')).toMatchObject({ retired: false })
    await leave(old)
    await judge()
    expect(await ruleOf('leaving')).toMatchObject({ retired: true })
  })

  test('workers with other tasks have no say, and a fleet that is away takes nothing with it', async () => {
    const mine = await aWorker(database)
    await declare(mine, ['work'], { lonely: every(60_000) })
    await leave(mine)
    await declare(await aWorker(database), ['elsewhere'], {})
    await judge()
    expect(await ruleOf('lonely')).toMatchObject({ retired: false })
    await declare(await aWorker(database), ['work'], {})
    expect(await ruleOf('lonely')).toMatchObject({ retired: true })
  })

  test('a worker that died does not speak any more, once that is known', async () => {
    const dead = await aWorker(database)
    await declare(dead, ['mortal'], { mortal: { task: 'mortal', rule: { interval: 60_000 } } })
    await declare(await aWorker(database), ['mortal'], {})
    expect(await ruleOf('mortal')).toMatchObject({ retired: false })
    await database.query('update celeriac.workers set lost_at = now() where id = $1', [dead])
    await judge()
    expect(await ruleOf('mortal')).toMatchObject({ retired: true })
  })

  test('two judges at once do not wait for each other, nor for a row that somebody holds', async () => {
    const worker = await aWorker(database)
    await declare(worker, ['work'], { locked: every(60_000) })
    const client = await database.pool.connect()
    try {
      await client.query('begin')
      await client.query(`select from celeriac.schedules where name = 'locked' for update`)
      await declare(randomUUID(), ['work'], { locked: every(1_000) })
      await declare(worker, ['work'], { locked: every(2_000) })
      await Promise.all([judge(), judge()])
      expect(await ruleOf('locked')).toMatchObject({ rule: { interval: 60_000 } })
    } finally {
      await client.query('rollback')
      client.release()
    }
    await judge()
    expect(await ruleOf('locked')).toMatchObject({ rule: { interval: 2_000 } })
  })
})
