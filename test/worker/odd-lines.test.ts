import { describe, expect, onTestFinished, test } from 'vitest'
import { capturedLog, eventsOf, gate, nextEvent, useApps } from '../support/apps.ts'
import { oddLine } from '../support/odd-line.ts'
import { useDatabase } from '../support/postgres.ts'
import { openProxy } from '../support/proxied.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'odd_lines' })
const apps = useApps(database)

/** Runs jobs over a line, and tells how often each one ran and what went wrong. */
async function runOver(url: string, jobs: number): Promise<{ runs: number[]; facts: unknown[] }> {
  const app = apps.app({ database: url })
  const runs = new Map<number, number>()
  const task = app.task('over.line', (n: number, text: string) => {
    runs.set(n, (runs.get(n) ?? 0) + 1)
    return text
  })
  const facts = [eventsOf(app, 'worker:evicted'), eventsOf(app, 'job:lost'), eventsOf(app, 'worker:rescued')]
  const worker = await apps.worker(app)
  const text = 'ü€😀'.repeat(50)
  const handles = await task.enqueueMany(Array.from({ length: jobs }, (_, n) => [n, text]))
  for (const handle of handles) expect(await handle.result({ timeout: '40s' })).toBe(text)
  // While there is a line: a worker that vanished with it would be rescued by the next.
  await worker.stop()
  return { runs: [runs.size, Math.max(...runs.values())], facts: facts.flat() }
}

describe('F-42 a line', () => {
  test('that passes one byte at a time is slower, and nothing else', { timeout: 60_000 }, async () => {
    await using line = await oddLine(database.url, { byteByByte: true })
    expect(await runOver(line.url, 40)).toEqual({ runs: [40, 1], facts: [] })
  })

  test('that takes some time each way is slower, and nothing else', {
    timeout: 60_000,
  }, async () => {
    await using way = await openProxy(database.url)
    way.proxy.delay(50)
    expect(await runOver(way.url, 40)).toEqual({ runs: [40, 1], facts: [] })
    way.proxy.delay(0)
  })
})

describe('F-42c a load balancer that cuts who says nothing', () => {
  test('costs connections, but no job and no life', { timeout: 60_000 }, async () => {
    await using line = await oddLine(database.url, { idleMs: 1_000 })
    const app = apps.app({ database: line.url })
    const open = gate()
    let runs = 0
    const long = app.task('cut.long', async () => {
      runs += 1
      await open
      return 'on'
    })
    const quick = app.task('cut.quick', () => 'quick')
    const evicted = eventsOf(app, 'worker:evicted')
    const worker = await apps.worker(app)
    const handle = await long.enqueue()
    await until(() => line.cuts >= 10, {
      timeoutMs: 30_000,
      what: 'cuts of every connection, again and again',
    })
    const [row] = await database.query('select lost_at from celeriac.workers where id = $1', [worker.id])
    expect(row).toEqual({ lost_at: null })
    expect(await (await quick.enqueue()).result({ timeout: '15s' })).toBe('quick')
    open.open()
    expect(await handle.result({ timeout: '10s' })).toBe('on')
    expect([runs, evicted]).toEqual([1, []])
  })
})

describe('F-42d a password that is changed', () => {
  test('is asked for until it fits, and stands in no log', { timeout: 60_000 }, async () => {
    const role = `rotated_${process.pid}`
    await database.query(`create role ${role} login superuser password 'hush-one'`)
    onTestFinished(async () => {
      await database.query(`drop role ${role}`)
    })
    const url = new URL(database.url)
    let password = 'hush-one'
    const { log, lines } = capturedLog('trace')
    const app = apps.app({
      database: {
        host: url.hostname,
        port: Number(url.port),
        user: role,
        database: url.pathname.slice(1),
        password: () => password,
      },
      log,
    })
    const task = app.task('rotated', () => 'in')
    await apps.worker(app)
    const errors = eventsOf(app, 'error')
    const back = nextEvent(app, 'worker:connected')
    await database.query(`alter role ${role} password 'hush-two'`)
    await database.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = $1`, [role])
    await until(() =>
      errors.some(({ error }) => /28P01|password/.test(JSON.stringify(error) + String(error))),
    )
    const late = apps.app().declare<() => string>('rotated')
    const handle = await late.enqueue()
    password = 'hush-two'
    await back
    expect(await handle.result({ timeout: '15s' })).toBe('in')
    expect(task.name).toBe('rotated')
    expect(JSON.stringify([lines, errors.map(({ error }) => String(error))])).not.toContain('hush')
    await app.stop()
  })
})
