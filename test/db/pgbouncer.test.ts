import { describe, expect, onTestFinished, test } from 'vitest'
import { detectPooler } from '../../src/db/pooler.ts'
import { eventsOf, rejection, useApps } from '../support/apps.ts'
import { pgBouncerVersion, startPgBouncer } from '../support/pgbouncer.ts'
import { useDatabase } from '../support/postgres.ts'

const version = pgBouncerVersion()
const [, minor = 0] = (version ?? '').split('.').map(Number)

describe.skipIf(version === null)('F-42b: PgBouncer', () => {
  const database = useDatabase({ name: 'db_pgbouncer' })
  const apps = useApps(database)

  test.each(['session', 'transaction', 'statement'] as const)('in %s mode is recognised', async (mode) => {
    await using bouncer = await startPgBouncer(database.url, mode)
    const found = await detectPooler({ connectionString: bouncer.url })
    expect(found.kind).toBe(mode)
    // Names are kept since 1.21, and only where that is switched on.
    if (mode !== 'transaction' || minor < 21) expect(found.prepares).toBe(mode === 'session')
  })

  test('B-59 in statement mode is refused by a worker', async () => {
    const bouncer = await startPgBouncer(database.url, 'statement')
    onTestFinished(() => bouncer[Symbol.asyncDispose]())
    const app = apps.app({ database: bouncer.url })
    app.task('refused', () => undefined)
    expect((await rejection(app.worker().start())).code).toBe('POOLER_UNSUPPORTED')
  })

  test.each([
    'session',
    'transaction',
  ] as const)('in %s mode loses no job and runs none twice, also when it is restarted', {
    timeout: 60_000,
  }, async (mode) => {
    const bouncer = await startPgBouncer(database.url, mode)
    onTestFinished(() => bouncer[Symbol.asyncDispose]())
    const app = apps.app({ database: bouncer.url, directUrl: database.url })
    const producer = apps.app({ database: bouncer.url, listen: false })
    const runs = new Map<number, number>()
    const task = app.task(`bounced.${mode}`, async (n: number) => {
      runs.set(n, (runs.get(n) ?? 0) + 1)
      await new Promise((resolve) => setImmediate(resolve))
      return n
    })
    const evicted = eventsOf(app, 'worker:evicted')
    await apps.worker(app, { concurrency: 10 })
    const enqueue = (from: number) =>
      Promise.all(Array.from({ length: 300 }, (_, n) => producer.enqueue<number>(task.name, [from + n])))
    const before = await enqueue(0)
    await bouncer.restart()
    const after = await enqueue(300)
    const many = await task.enqueueMany(Array.from({ length: 1_200 }, (_, n) => [600 + n]))
    const handles = [...before, ...after, ...many]
    const results = await Promise.all(handles.map((handle) => handle.result({ timeout: '30s' })))
    expect(results).toEqual(handles.map((_, n) => n))
    expect([runs.size, Math.max(...runs.values()), evicted]).toEqual([1_800, 1, []])
  })

  test('in transaction mode, with no way past it, is lived with', { timeout: 60_000 }, async () => {
    const bouncer = await startPgBouncer(database.url, 'transaction')
    onTestFinished(() => bouncer[Symbol.asyncDispose]())
    const app = apps.app({ database: bouncer.url })
    const task = app.task('bounced.alone', (n: number) => n)
    await apps.worker(app, { concurrency: 10 })
    const handles = await Promise.all(Array.from({ length: 300 }, (_, n) => task.enqueue(n)))
    const results = await Promise.all(handles.map((handle) => handle.result({ timeout: '30s' })))
    expect(results).toEqual(handles.map((_, n) => n))
    const locks = await database.query(`select from pg_locks where locktype = 'advisory'`)
    expect(locks).toEqual([])
  })
})
