import { afterEach, describe, expect, test } from 'vitest'
import { eventsOf, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { endWorkerProcesses, workerProcess } from '../support/worker-processes.ts'

const database = useDatabase({ name: 'flow_liveness' })
const apps = useApps(database)

afterEach(endWorkerProcesses)
afterEach(() => database.query('truncate celeriac.jobs'))

const LONGER_THAN_A_LEASE_MS = 17_000

async function endSessions(of: 'beat' | 'listen' | '%'): Promise<void> {
  await database.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name like $1`,
    [`celeriac:${of}`],
  )
}

describe('a worker process', () => {
  test('F-09 that blocks its event loop for longer than a lease is busy, not dead', {
    timeout: 60_000,
  }, async () => {
    const block = apps.app().declare<(ms: number) => number>('block')
    const busy = await workerProcess(database.url)
    const handle = await block.enqueue(LONGER_THAN_A_LEASE_MS)
    await until(() => busy.begun.length === 1)
    const other = await workerProcess(database.url)
    expect(await handle.result({ timeout: '40s' })).toBe(busy.pid)
    expect(await handle.info()).toMatchObject({ attempt: 1, losses: 0 })
    expect([other.begun, busy.facts]).toEqual([[], []])
  })

  test('F-09 that blocks its event loop for longer than maxBlock is ended by its guard', {
    timeout: 60_000,
  }, async () => {
    const block = apps.app().declare<(ms: number) => number>('block')
    const stuck = await workerProcess(database.url, { maxBlockMs: 1_000 })
    const handle = await block.enqueue(600_000)
    await until(() => stuck.begun.length === 1)
    expect(await stuck.ended).toBe('SIGKILL')
    const heir = await workerProcess(database.url)
    await until(() => heir.begun.length === 1, { timeoutMs: 15_000, what: 'the rescue' })
    expect(await handle.info()).toMatchObject({ attempt: 2, losses: 1 })
  })

  test('F-12 that is frozen for longer than its lease loses its jobs, and learns it when it thaws', {
    timeout: 90_000,
  }, async () => {
    const hold = apps.app().declare<() => number>('hold')
    const frozen = await workerProcess(database.url)
    const handle = await hold.enqueue()
    await until(() => frozen.begun.length === 1)
    const heir = await workerProcess(database.url)
    frozen.signal('SIGSTOP')
    await until(() => heir.begun.length === 1, { timeoutMs: 40_000, what: 'the rescue' })
    frozen.open()
    frozen.signal('SIGCONT')
    await until(() => frozen.facts.includes('worker:evicted'), { what: 'that the worker learns it' })
    expect(await handle.state()).toBe('running')
    heir.open()
    expect(await handle.result({ timeout: '5s' })).toBe(heir.pid)
    expect(await handle.info()).toMatchObject({ attempt: 2, losses: 1 })
    // It goes on in a new life.
    await until(
      async () => {
        // The other one may be the first, and be done with all of them.
        await hold.enqueueMany(Array.from({ length: 40 }, () => []))
        return frozen.begun.length > 1
      },
      { what: 'its next job' },
    )
  })

  test('F-17 whose sessions are all ended again and again is taken for dead by nobody', {
    timeout: 60_000,
  }, async () => {
    const hold = apps.app().declare<() => number>('hold')
    const [one, two] = [await workerProcess(database.url), await workerProcess(database.url)]
    const handles = await hold.enqueueMany(Array.from({ length: 12 }, () => []))
    await until(() => one.begun.length + two.begun.length === 12)
    for (let round = 0; round < 8; round += 1) {
      await endSessions(round % 2 === 0 ? 'beat' : '%')
      await until(
        async () => {
          const rows = await database.query(
            `select from pg_stat_activity where datname = current_database() and application_name in ('celeriac:beat', 'celeriac:listen')`,
          )
          return rows.length >= 4
        },
        { what: 'their new sessions' },
      )
    }
    // Longer than the grace: whoever suspects them has had time to say so.
    const seen = await database.query<{ at: Date }>('select max(heartbeat_at) as at from celeriac.workers')
    await until(
      async () => {
        const [row] = await database.query<{ later: boolean }>(
          `select min(heartbeat_at) > $1::timestamptz + interval '3 seconds' as later from celeriac.workers`,
          [seen[0]?.at],
        )
        return row?.later === true
      },
      { timeoutMs: 15_000, what: 'later heartbeats of both' },
    )
    one.open()
    two.open()
    await Promise.all(handles.map((handle) => handle.result({ timeout: '10s' })))
    for (const handle of handles) expect(await handle.info()).toMatchObject({ attempt: 1, losses: 0 })
    expect([one.facts, two.facts]).toEqual([[], []])
  })

  test('without a guard thread works as well, and says so', { timeout: 60_000 }, async () => {
    const app = apps.app()
    const hold = app.declare<() => number>('hold')
    const victim = await workerProcess(database.url, { guard: false })
    await hold.enqueue()
    await until(() => victim.begun.length === 1)
    expect(victim.facts).toEqual(['guard:inline'])
    const heir = await workerProcess(database.url, { guard: false })
    victim.signal('SIGKILL')
    await until(() => heir.begun.length === 1, { timeoutMs: 15_000, what: 'the rescue' })
  })
})

describe('the guard', () => {
  test('runs on the main loop when the settings of the connection cannot be sent to a thread', async () => {
    const app = apps.app({
      database: { connectionString: database.url, types: { getTypeParser: () => String } } as never,
    })
    const inline = eventsOf(app, 'guard:inline')
    const task = app.task('guard.inline', () => 'ran')
    await apps.worker(app)
    expect(inline).toMatchObject([{ reason: expect.stringContaining('cannot be sent to a thread') }])
    expect(await (await task.enqueue()).settled({ timeout: '5s' })).toMatchObject({ ok: true })
  })

  test('asks for the password at each connection when it is a function', async () => {
    const url = new URL(database.url)
    let asked = 0
    const app = apps.app({
      database: {
        host: url.hostname,
        port: Number(url.port),
        user: url.username,
        database: url.pathname.slice(1),
        password: () => {
          asked += 1
          return decodeURIComponent(url.password)
        },
      },
    })
    const inline = eventsOf(app, 'guard:inline')
    const task = app.task('guard.password', () => 'ran')
    await apps.worker(app)
    expect(await (await task.enqueue()).result({ timeout: '5s' })).toBe('ran')
    const before = asked
    await endSessions('beat')
    await until(() => asked > before)
    expect(inline).toEqual([])
  })
})
