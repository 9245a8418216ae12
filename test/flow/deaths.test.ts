import { afterEach, describe, expect, test } from 'vitest'
import { blocked, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'
import { until } from '../support/until.ts'
import { endWorkerProcesses, workerProcess } from '../support/worker-processes.ts'

const database = useDatabase({ name: 'flow_deaths' })
const apps = useApps(database)

afterEach(endWorkerProcesses)
afterEach(() => database.query('truncate celeriac.jobs'))

/** What the history says of an attempt whose worker died: who ran it, and what of him. */
async function lossesOf(id: string): Promise<{ attempt: number; code: string; message: string }[]> {
  return database.query(
    `select attempt, error ->> 'code' as code, error ->> 'message' as message
      from celeriac.attempts where job_id = $1 and outcome = 'lost' order by token`,
    [id],
  )
}

describe('a handler that ends its process', () => {
  test('F-07 however it does it, loses that attempt alone, and the history names the worker and why', {
    timeout: 60_000,
  }, async () => {
    const ways = [0, 'abort', 'SIGSEGV', 'SIGQUIT'] as const
    const die = apps.app().declare<(how: NodeJS.Signals | 'abort' | number) => number>('die')
    const victims = await Promise.all(
      ways.map(() => workerProcess(database.url, { concurrency: 1, quiet: true })),
    )
    const handles = await die.enqueueMany(ways.map((how) => [how]))
    const ends = await Promise.all(victims.map(({ ended }) => ended))
    expect(new Set(ends)).toEqual(new Set([0, 'SIGABRT', 'SIGSEGV', 'SIGQUIT']))
    const heir = await workerProcess(database.url)
    const results = await Promise.all(handles.map((handle) => handle.result({ timeout: '20s' })))
    expect(new Set(results)).toEqual(new Set([heir.pid]))
    for (const handle of handles) {
      expect(await handle.info()).toMatchObject({ attempt: 2, losses: 1 })
      const begun = victims.find((victim) => victim.begun.some(({ id }) => id === handle.id))
      expect(await lossesOf(handle.id)).toEqual([
        {
          attempt: 1,
          code: 'WORKER_LOST',
          message: `worker process ${begun?.pid} died while it ran attempt 1 of this job: its sessions ended`,
        },
      ])
    }
  })

  test('F-07 in good order, by SIGTERM to itself, stops as it would for anybody', {
    timeout: 30_000,
  }, async () => {
    const die = apps.app().declare<(how: NodeJS.Signals) => number>('die')
    const worker = await workerProcess(database.url)
    const handle = await die.enqueue('SIGTERM')
    await until(() => worker.begun.length === 1)
    worker.signal('SIGINT')
    expect(await worker.ended).toBe(0)
    expect(await handle.info()).toMatchObject({ state: 'pending', losses: 0, attempt: 1 })
  })

  test('F-04 by taking all memory is counted, and stopped at its bound; other workers never notice', {
    timeout: 90_000,
  }, async () => {
    const app = apps.app()
    const [hold, gorge] = [app.declare<() => number>('hold'), app.declare<() => void>('gorge')]
    // Full with one job: what kills the others never comes to it.
    const neighbour = await workerProcess(database.url, { concurrency: 1 })
    const held = await hold.enqueue()
    await until(() => neighbour.begun.length === 1)
    const small = { concurrency: 1, quiet: true, flags: ['--max-old-space-size=40'] }
    const handle = await gorge.enqueue()
    // It has cost two workers already.
    await database.query('update celeriac.jobs set losses = 2, attempt = 2 where id = $1', [handle.id])
    for (const attempt of [3, 4]) {
      const victim = await workerProcess(database.url, small)
      await until(() => victim.begun.length === 1, { timeoutMs: 15_000, what: `attempt ${attempt}` })
      expect(await victim.ended).toBe('SIGABRT')
    }
    expect(await handle.settled({ timeout: '20s' })).toMatchObject({
      ok: false,
      error: { cause: { code: 'WORKER_LOST' } },
    })
    expect(await handle.info()).toMatchObject({ attempt: 4, losses: 4 })
    neighbour.open()
    expect(await held.result({ timeout: '5s' })).toBe(neighbour.pid)
    expect([await held.info(), neighbour.facts]).toMatchObject([{ attempt: 1, losses: 0 }, []])
  })
})

describe('what a handler leaves behind', () => {
  test.each([
    'timer',
    'promise',
    'emitter',
  ] as const)('F-10 and throws after it returned (%s) ends the process, as in any Node program; what was settled stays', {
    timeout: 30_000,
  }, async (behind) => {
    const leave = apps.app().declare<(behind: string) => void>('leave')
    const worker = await workerProcess(database.url, { quiet: true })
    const handle = await leave.enqueue(behind)
    await handle.result({ timeout: '5s' })
    worker.open()
    expect(await worker.ended).toBe(1)
    expect(await handle.info()).toMatchObject({ state: 'succeeded', attempt: 1, losses: 0 })
  })
})

describe('a worker that is killed while the server still does what it asked for', () => {
  test.each([
    ['its claim', 'jobs'],
    ['its settling', 'results'],
  ])(
    'F-02 (%s) leaves one outcome of one of the two that may have run it',
    {
      timeout: 60_000,
    },
    async (_, table) => {
      const hold = apps.app().declare<() => number>('hold')
      const victim = await workerProcess(database.url)
      await using session = await openSession(database.url)
      const lock = async (): Promise<void> => {
        await session.query('begin')
        await session.query(`lock table celeriac.${table} in access exclusive mode`)
      }
      let id = ''
      if (table === 'jobs') {
        await lock()
        const [row] = await session.query<{ id: string }>(`select celeriac.enqueue('hold', '[]') as id`)
        id = row?.id ?? ''
        await database.query(`select celeriac.wake_workers('default', now())`)
      } else {
        id = (await hold.enqueue()).id
        await until(() => victim.begun.length === 1)
        await lock()
        victim.open()
      }
      await until(async () => (await blocked(database, '%work_cycle%')).length > 0, { every: 5 })
      victim.signal('SIGKILL')
      await victim.ended
      await session.query('commit')
      const heir = await workerProcess(database.url)
      heir.open()
      const handle = apps.app().job<number>(id)
      const ran = await handle.result({ timeout: '30s' })
      const { attempt, losses } = await handle.info()
      // Whoever's outcome it is: the attempt of the dead one counts as lost, unless it was settled or never began.
      expect([victim.pid, heir.pid]).toContain(ran)
      expect(attempt).toBe(losses + 1)
      expect(heir.begun.filter((one) => one.id === id)).toHaveLength(ran === heir.pid ? 1 : 0)
      const rows = await database.query('select from celeriac.results where id = $1', [id])
      expect([rows.length, await database.query('select from celeriac.jobs where id = $1', [id])]).toEqual([
        1,
        [],
      ])
    },
  )
})
