import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { gate, nextEvent, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'job_waiters' })
const apps = useApps(database)

async function connections(role: string): Promise<number> {
  const [row] = await database.query<{ count: number }>(
    `select count(*)::int from pg_stat_activity where datname = current_database() and application_name = $1`,
    [`celeriac:${role}`],
  )
  return row?.count ?? -1
}

describe('waiting', () => {
  test('of a thousand takes one session that listens and few statements', async () => {
    const app = apps.app()
    const { app: waiting, statements } = apps.counted()
    const open = gate()
    const task = app.task('waited', async (n: number) => {
      await open
      return n
    })
    const handles = await task.enqueueMany(Array.from({ length: 1_000 }, (_, n) => [n]))
    const results = Promise.all(handles.map((handle) => waiting.job<number>(handle.id).result()))
    await until(() => statements.some((text) => text.includes('find_outcomes')))
    expect(await connections('listen')).toBe(1)
    await apps.worker(app, { concurrency: 100 })
    open.open()
    expect(await results).toEqual(Array.from({ length: 1_000 }, (_, n) => n))
    expect(statements.length).toBeLessThan(60)
  })

  test('of many for one job is one read', async () => {
    const app = apps.app()
    const { app: waiting, statements } = apps.counted()
    const task = app.task('watched', () => 'seen')
    const handle = await task.enqueue()
    const results = Promise.all(Array.from({ length: 200 }, () => waiting.job(handle.id).result()))
    await apps.worker(app)
    expect(new Set(await results)).toEqual(new Set(['seen']))
    expect(statements.length).toBeLessThan(20)
  })

  test('ends within moments of the settling in another process', async () => {
    const [app, other] = [apps.app(), apps.app()]
    const open = [gate(), gate(), gate()]
    const task = app.task('told', async (n: number) => {
      await open[n]
      return performance.now()
    })
    await apps.worker(app)
    const late: number[] = []
    for (const [n, one] of open.entries()) {
      const handle = await task.enqueue(n)
      const result = other.job<number>(handle.id).result()
      await until(async () => (await database.query('select from celeriac.listeners')).length)
      await until(async () => (await handle.state()) === 'running')
      one.open()
      const ended = await result
      late.push(performance.now() - ended)
    }
    expect(Math.min(...late)).toBeLessThan(50)
  })

  test('needs no notifications', async () => {
    const [app, other] = [apps.app({ listen: false }), apps.app({ listen: false })]
    const task = app.task('unheard', () => 'found')
    await apps.worker(app)
    const handle = await task.with({ delay: '100ms' }).enqueue()
    expect(await other.job(handle.id).result({ timeout: '5s' })).toBe('found')
  })

  test('takes its registration back when nobody waits any more', async () => {
    const app = apps.app()
    const task = app.task('registered', () => 1)
    await apps.worker(app)
    await (await task.enqueue()).result()
    await until(async () => (await database.query('select from celeriac.listeners')).length === 0)
  })

  test('outlives the session that listens', async () => {
    const [app, other] = [apps.app(), apps.app()]
    const open = gate()
    const task = app.task('survives', async () => {
      await open
      return 'there'
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    const result = other.job(handle.id).result({ timeout: '10s' })
    await until(async () => (await connections('listen')) === 2)
    const heard = nextEvent(other, 'listen:changed', ({ hearing }) => hearing)
    await until(async () => {
      await database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and application_name = 'celeriac:listen'`,
      )
      return true
    })
    await heard
    open.open()
    expect(await result).toBe('there')
  })
  test('listens after all when the session could not be opened at first', async () => {
    const proxy = await door(database.url)
    const [app, other] = [apps.app(), apps.app({ directUrl: proxy.url })]
    const open = gate()
    const task = app.task('heard-late', () => open)
    await apps.worker(app)
    const handle = await task.enqueue()
    const heard = nextEvent(other, 'listen:changed', ({ hearing }) => hearing)
    const result = other.job(handle.id).result({ timeout: '25s' })
    await until(() => proxy.refused > 0)
    proxy.open = true
    await heard
    open.open()
    await result
    await proxy[Symbol.asyncDispose]()
  })
})

/** A way to a server that is closed at first. */
async function door(url: string) {
  const target = new URL(url)
  const state = { open: false, refused: 0 }
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    if (!state.open) {
      state.refused += 1
      socket.destroy()
      return
    }
    const upstream = connect(Number(target.port), target.hostname)
    upstream.on('error', () => undefined)
    sockets.add(socket).add(upstream)
    socket.pipe(upstream).pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const own = new URL(url)
  own.port = String((server.address() as AddressInfo).port)
  return Object.assign(state, {
    url: own.href,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  })
}
