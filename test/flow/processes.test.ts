import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { endWorkerProcesses, type WorkerProcess, workerProcess } from '../support/worker-processes.ts'

const database = useDatabase({ name: 'flow_processes' })
const apps = useApps(database)
const none = (count: number): [][] => Array.from({ length: count }, () => [])

beforeAll(() => database.query('create table effects (job_id uuid, attempt integer, pid integer)'))
afterEach(endWorkerProcesses)
afterEach(() => database.query('truncate effects'))

/** Jobs by how often they took effect, and effects that one attempt had twice. */
async function effects(): Promise<{ jobs: number; most: number; doubled: number }> {
  const [row] = await database.query<{ jobs: number; most: number; doubled: number }>(
    `select count(*)::int as jobs, coalesce(max(runs), 0)::int as most, coalesce(sum(runs - attempts), 0)::int as doubled
      from (select job_id, count(*) as runs, count(distinct attempt) as attempts from effects group by job_id) as per_job`,
  )
  return row ?? { jobs: -1, most: -1, doubled: -1 }
}

async function unsettled(): Promise<number> {
  const [row] = await database.query<{ jobs: number }>('select count(*)::int as jobs from celeriac.jobs')
  return row?.jobs ?? -1
}

describe('a worker process', () => {
  test('runs what plain SQL has enqueued', async () => {
    await workerProcess(database.url)
    const [row] = await database.query<{ id: string }>(`select celeriac.enqueue('add', '[2, 2]') as id`)
    expect(
      await apps
        .app()
        .job(row?.id ?? '')
        .result({ timeout: '10s' }),
    ).toBe(4)
  })

  test('that is killed loses nothing: its jobs run elsewhere within seconds', async () => {
    const hold = apps.app().declare<() => number>('hold')
    const victim = await workerProcess(database.url, { concurrency: 5 })
    const handles = await hold.enqueueMany(none(5))
    await until(() => victim.begun.length === 5)
    const heir = await workerProcess(database.url)
    victim.signal('SIGKILL')
    expect(await victim.ended).toBe('SIGKILL')
    const killed = performance.now()
    await until(() => heir.begun.length === 5, { timeoutMs: 15_000, what: 'the rescue' })
    expect(performance.now() - killed).toBeLessThan(6_000)
    heir.open()
    const pids = await Promise.all(handles.map((handle) => handle.result({ timeout: '5s' })))
    expect(pids).toEqual(handles.map(() => heir.pid))
    for (const handle of handles) expect(await handle.info()).toMatchObject({ attempt: 2, losses: 1 })
    expect(heir.begun.map(({ attempt }) => attempt)).toEqual([2, 2, 2, 2, 2])
  })

  test('F-01 that is killed under load doubles no settled effect', { timeout: 60_000 }, async () => {
    const effect = apps.app().declare<() => void>('effect')
    const workers: WorkerProcess[] = []
    for (let count = 0; count < 3; count += 1) workers.push(await workerProcess(database.url))
    const handles = await effect.enqueueMany(none(4_000))
    await until(async () => (await effects()).jobs > 500, { every: 5 })
    workers[0]?.signal('SIGKILL')
    const settled = await Promise.all(handles.map((handle) => handle.settled({ timeout: '30s' })))
    expect(settled.filter(({ ok }) => !ok)).toEqual([])
    expect(await effects()).toMatchObject({ jobs: 4_000, doubled: 0 })
    const [again] = await database.query<{ jobs: number }>(
      `select count(*)::int as jobs from (select job_id from effects group by job_id having count(*) > 1) as again
        join celeriac.results as result on result.id = job_id where result.losses = 0`,
    )
    expect([again, await unsettled()]).toEqual([{ jobs: 0 }, 0])
  })

  test('F-06 stops warm on SIGTERM: finishes, loses nothing, exits with 0', async () => {
    const hold = apps.app().declare<() => number>('hold')
    const worker = await workerProcess(database.url, { concurrency: 3 })
    const handles = await hold.enqueueMany(none(8))
    await until(() => worker.begun.length === 3)
    worker.signal('SIGTERM')
    await until(async () => {
      const rows = await database.query('select from celeriac.jobs where worker_id is not null')
      return rows.length === 3
    })
    worker.open()
    expect(await worker.ended).toBe(0)
    const states = await Promise.all(handles.map((handle) => handle.state()))
    expect(states.toSorted()).toEqual([...Array(5).fill('pending'), ...Array(3).fill('succeeded')])
    expect(await database.query('select from celeriac.workers where pid = $1', [worker.pid])).toEqual([])
    await Promise.all(handles.map((handle) => handle.cancel()))
  })

  test('F-06 stops cold on a second SIGTERM: aborts, gives back, exits with 0', async () => {
    const hold = apps.app().declare<() => number>('hold')
    const worker = await workerProcess(database.url)
    const handle = await hold.enqueue()
    await until(() => worker.begun.length === 1)
    worker.signal('SIGTERM')
    const stopping = 'select from celeriac.workers where pid = $1 and stopping'
    await until(async () => (await database.query(stopping, [worker.pid])).length === 1)
    const asked = performance.now()
    worker.signal('SIGTERM')
    expect(await worker.ended).toBe(0)
    expect(performance.now() - asked).toBeLessThan(2_000)
    expect(await handle.info()).toMatchObject({ state: 'pending', losses: 0 })
    const next = await workerProcess(database.url)
    next.open()
    expect(await handle.result({ timeout: '5s' })).toBe(next.pid)
  })

  test('stops cold though a handler never does', async () => {
    const hang = apps.app().declare<() => void>('hang')
    const worker = await workerProcess(database.url)
    const handle = await hang.enqueue()
    await until(() => worker.begun.length === 1)
    worker.signal('SIGINT')
    worker.signal('SIGTERM')
    expect(await worker.ended).toBe(0)
    expect(await handle.state()).toBe('pending')
    await handle.cancel()
  })

  test('F-08 does not end while a handler hangs and nothing else is open', async () => {
    const app = apps.app()
    const worker = await workerProcess(database.url, { concurrency: 1 })
    const hang = app.declare<() => void>('hang').with({ timeLimit: '300ms', maxAttempts: 1 })
    await expect((await hang.enqueue()).result({ timeout: '5s' })).rejects.toMatchObject({
      cause: { code: 'TIME_LIMIT' },
    })
    expect(await (await app.enqueue<number>('add', [1, 2])).result({ timeout: '5s' })).toBe(3)
    worker.signal('SIGTERM')
    expect(await worker.ended).toBe(0)
  })

  test('and two others run each of thousands of jobs once', { timeout: 60_000 }, async () => {
    const effect = apps.app().declare<() => void>('effect')
    const workers = await Promise.all([1, 2, 3].map(() => workerProcess(database.url)))
    const handles = await effect.enqueueMany(none(6_000))
    await Promise.all(handles.map((handle) => handle.result({ timeout: '40s' })))
    expect(await effects()).toEqual({ jobs: 6_000, most: 1, doubled: 0 })
    const [shares] = await database.query<{ pids: number }>(
      'select count(distinct pid)::int as pids from effects',
    )
    expect(shares?.pids).toBe(3)
    for (const worker of workers) worker.signal('SIGTERM')
    expect(await Promise.all(workers.map((worker) => worker.ended))).toEqual([0, 0, 0])
  })

  test('F-16 that restarts in turn with others loses and doubles nothing', { timeout: 60_000 }, async () => {
    const effect = apps.app().declare<() => void>('effect')
    let workers = await Promise.all([1, 2].map(() => workerProcess(database.url)))
    const handles = await effect.enqueueMany(none(5_000))
    for (let turn = 0; turn < 3; turn += 1) {
      const [oldest, ...others] = workers
      oldest?.signal('SIGTERM')
      expect(await oldest?.ended).toBe(0)
      workers = [...others, await workerProcess(database.url)]
    }
    await Promise.all(handles.map((handle) => handle.result({ timeout: '40s' })))
    expect(await effects()).toEqual({ jobs: 5_000, most: 1, doubled: 0 })
  })
})

describe('a producer process', () => {
  test('ends by itself once it has its result', async () => {
    await workerProcess(database.url)
    const child = spawn(process.execPath, [join(import.meta.dirname, '../support/producer-process.ts')], {
      env: { ...process.env, DATABASE_URL: database.url },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let printed = ''
    child.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString()
    })
    const [code] = await once(child, 'exit')
    expect([printed, code]).toEqual(['5\n', 0])
  })
})
