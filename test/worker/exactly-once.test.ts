import { describe, expect, test } from 'vitest'
import { useApps } from '../support/apps.ts'
import { useEffects } from '../support/effects.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { endWorkerProcesses, type WorkerProcess, workerProcess } from '../support/worker-processes.ts'

const database = useDatabase({ name: 'exactly_once' })
const apps = useApps(database)
const effects = useEffects(database)
const JOBS = 400

describe('effects in the transaction of the job', () => {
  test('are there once for each job, whoever is killed meanwhile', async () => {
    const task = apps.app().declare<(n: number) => number>('pay')
    const handles = await task.enqueueMany(Array.from({ length: JOBS }, (_, n) => [n] as [number]))
    const processes: WorkerProcess[] = [await workerProcess(database.url), await workerProcess(database.url)]
    for (const share of [0.2, 0.4, 0.6]) {
      await until(async () => (await effects.count()) >= JOBS * share, { timeoutMs: 30_000, every: 2 })
      const victim = processes.shift()
      victim?.signal('SIGKILL')
      await victim?.ended
      processes.push(await workerProcess(database.url))
    }
    const values = await Promise.all(handles.map((handle) => handle.result({ timeout: '30s' })))
    expect(values).toEqual(Array.from({ length: JOBS }, (_, n) => n))
    const [row] = await database.query<{ jobs: number; effects: number; again: number }>(
      `select count(distinct job_id)::integer as jobs, count(*)::integer as effects,
        (select count(*)::integer from celeriac.results where attempt > 1) as again from effects`,
    )
    // Some were interrupted, or this would prove nothing.
    expect(row).toEqual({ jobs: JOBS, effects: JOBS, again: expect.any(Number) })
    expect(row?.again).toBeGreaterThan(0)
    await endWorkerProcesses()
  }, 90_000)
})
