import { describe, expect, test } from 'vitest'
import { currentJob } from '../../src/index.ts'
import { aborted, gate, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'overlap' })
const apps = useApps(database)

const outcomes = async (name: string): Promise<string[]> =>
  (
    await database.query<{ outcome: string }>(
      'select outcome from celeriac.fires where schedule = $1 order by instant',
      [name],
    )
  ).map(({ outcome }) => outcome)

describe('while the job before is not settled', () => {
  test('B-11 allow: the next one is enqueued, however long that takes', async () => {
    const app = apps.app()
    const open = gate()
    let running = 0
    app
      .task('long', async () => {
        running += 1
        await open
      })
      .every({ interval: 100, count: 4, name: 'allow' })
    await apps.worker(app)
    await until(() => running === 4)
    expect(await outcomes('allow')).toEqual(['fired', 'fired', 'fired', 'fired'])
    open.open()
  })

  test('B-11 skip: an instant is skipped, until it is settled', async () => {
    const app = apps.app()
    const open = gate()
    let running = 0
    app
      .task('long', async () => {
        running += 1
        await open
      })
      .every({ interval: 100, overlap: 'skip', name: 'skip' })
    await apps.worker(app)
    await until(async () => (await outcomes('skip')).length >= 4)
    expect(running).toBe(1)
    expect((await outcomes('skip')).slice(0, 4)).toEqual(['fired', 'skipped', 'skipped', 'skipped'])
    open.open()
    await until(() => running >= 3)
    await app.schedules.remove('skip')
  })

  test('B-11 queue: one waits behind it and begins once it is settled, no more', async () => {
    const app = apps.app()
    const gates = [gate(), gate(), gate()]
    const begun: string[] = []
    let most = 0
    let running = 0
    app
      .task('long', async () => {
        running += 1
        most = Math.max(most, running)
        begun.push(currentJob().id)
        await gates[begun.length - 1]
        running -= 1
      })
      .every({ interval: 100, overlap: 'queue', name: 'queue' })
    await apps.worker(app)
    await until(async () => (await outcomes('queue')).length >= 4)
    expect((await outcomes('queue')).slice(0, 4)).toEqual(['fired', 'queued', 'skipped', 'skipped'])
    expect(begun).toHaveLength(1)
    gates[0]?.open()
    await until(() => begun.length === 2)
    const [second] = await database.query<{ job_id: string }>(
      `select job_id from celeriac.fires where schedule = 'queue' and outcome = 'queued' order by instant limit 1`,
    )
    expect(begun[1]).toBe(second?.job_id)
    gates[1]?.open()
    await until(() => begun.length === 3)
    await app.schedules.remove('queue')
    gates[2]?.open()
    expect(most).toBe(1)
  })

  test('B-11 cancel: it is cancelled, and the next one takes its place', async () => {
    const app = apps.app()
    const reasons: unknown[] = []
    app
      .task('long', async () => {
        const { signal } = currentJob()
        reasons.push(await aborted(signal))
        throw signal.reason
      })
      .every({ interval: 400, overlap: 'cancel', count: 3, name: 'cancel' })
    await apps.worker(app)
    await until(() => reasons.length === 2)
    expect(await outcomes('cancel')).toEqual(['fired', 'cancelled_previous', 'cancelled_previous'])
    await until(async () => {
      const rows = await database.query(
        `select from celeriac.fires as fire join celeriac.results as job on job.id = fire.job_id
          where schedule = 'cancel' and job.state = 'cancelled'`,
      )
      return rows.length === 2
    })
  })

  test('B-11 cancel: one that has not begun goes at once, one that somebody holds is not waited for', async () => {
    const app = apps.app()
    app.task('never', () => undefined).every({ interval: 300, overlap: 'cancel', count: 3, name: 'held' })
    await apps.worker(app, { queues: ['other'] })
    await until(async () => (await outcomes('held')).length === 1)
    const client = await database.pool.connect()
    try {
      await client.query('begin')
      await client.query(`select from celeriac.jobs where task = 'never' for update`)
      await until(async () => (await outcomes('held')).length === 3)
    } finally {
      await client.query('rollback')
      client.release()
    }
    expect(await outcomes('held')).toEqual(['fired', 'cancelled_previous', 'cancelled_previous'])
    const states = await database.query(
      `select job.state from celeriac.fires as fire join celeriac.job_list as job on job.id = fire.job_id
        where schedule = 'held' order by instant`,
    )
    expect(states.map(({ state }) => state)).toEqual(['pending', 'cancelled', 'pending'])
  })
})
