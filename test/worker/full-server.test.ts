import { describe, expect, onTestFinished, test } from 'vitest'
import { Celeriac } from '../../src/index.ts'
import { openSession } from '../support/session.ts'
import { until } from '../support/until.ts'
import { endWorkerProcesses, workerProcess } from '../support/worker-processes.ts'
import { TortureServer } from '../torture/driver/server.ts'

/** Its queue of notifications holds the least that can be set: half a megabyte. */
const SMALL_QUEUE = { max_notify_queue_pages: '64' }

/** Fills the queue of notifications: somebody listens, and never gets to hear because his transaction does not end. */
async function fillNotifications(url: string): Promise<{ drain(): Promise<void> }> {
  const [deaf, loud] = [await openSession(url), await openSession(url)]
  onTestFinished(() => Promise.all([deaf.end(), loud.end()]).then(() => undefined))
  await deaf.query('listen other')
  await deaf.query('begin')
  await deaf.query('select')
  const full = 'select pg_notify($1, repeat($2, 7000) || n) from generate_series(1, 70) as n'
  await until(
    () =>
      loud.query(full, ['other', 'x']).then(
        () => false,
        (error: Error) => /too many notifications/.test(error.message),
      ),
    { every: 1, what: 'a full queue' },
  )
  for (let left = true; left; ) {
    left = await loud.query("select pg_notify('other', repeat('x', 1000))").then(
      () => true,
      () => false,
    )
  }
  return { drain: async () => void (await deaf.query('commit')) }
}

describe('F-24: a full queue of notifications', () => {
  test('fails no enqueue, cancel or rescue: hints are left out, and everybody looks by himself', {
    timeout: 120_000,
  }, async () => {
    const server = await TortureServer.start(18, SMALL_QUEUE)
    onTestFinished(() => server.destroy())
    onTestFinished(endWorkerProcesses)
    const url = server.url('postgres')
    const app = new Celeriac({ database: url, log: 'silent' })
    onTestFinished(() => app.stop())
    await app.migrate()
    const [add, hold] = [
      app.declare<(x: number, y: number) => number>('add'),
      app.declare<() => number>('hold'),
    ]
    const [victim, heir] = [
      await workerProcess(url, { concurrency: 1 }),
      await workerProcess(url, { concurrency: 1 }),
    ]
    const handles = await hold.enqueueMany([[], []])
    await until(() => victim.begun.length + heir.begun.length === 2)
    const { drain } = await fillNotifications(url)
    await using session = await openSession(url)
    await expect(session.query("select pg_notify('other', repeat('x', 7900))")).rejects.toThrow('too many')
    const [row] = await session.query<{ id: string }>(`select celeriac.enqueue('add', '[1, 2]') as id`)
    const mine = await add.enqueue(3, 4)
    const unwanted = await add.enqueue(5, 6)
    expect(await unwanted.cancel()).toBe('cancelled')
    victim.signal('SIGKILL')
    heir.open()
    const results = [...handles, app.job<number>(row?.id ?? ''), mine].map((one) =>
      one.result({ timeout: '40s' }),
    )
    expect(await Promise.all(results)).toEqual([heir.pid, heir.pid, 3, 7])
    await drain()
    expect(await (await add.enqueue(1, 1)).result({ timeout: '20s' })).toBe(2)
  })
})
