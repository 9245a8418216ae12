import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { uploadCanvas } from '../../../src/cli/demo/canvas.ts'
import { startWorkerProcesses, type WorkerProcesses } from '../../../src/cli/demo/worker-processes.ts'
import { useDatabase } from '../../support/postgres.ts'
import { until } from '../../support/until.ts'
import { expectNothingOpen, lettersIn, recording, statesAtRest, times, useUploads } from './uploads.ts'

const UPLOADS = 50
const WORKERS = 3
const KILLS = 5
const TIMEOUT_MS = 240_000
const database = useDatabase()
const uploads = useUploads(database)

const started: WorkerProcesses[] = []
afterEach(async () => {
  await Promise.all(started.splice(0).map((processes) => processes.stop()))
})

/** Starts worker processes; gives a pid for each. */
async function start(count: number, name: string): Promise<number[]> {
  const logs = join(uploads.settings.cloud, '..', `${name}.logs`)
  await mkdir(logs, { recursive: true })
  const processes = await startWorkerProcesses({
    ...uploads.settings,
    count,
    databaseUrl: database.url,
    logs,
  })
  started.push(processes)
  return processes.workers.map(({ pid }) => pid)
}

describe('fifty uploads', { timeout: TIMEOUT_MS }, () => {
  test('C-216 send one e-mail each while workers are killed at random moments', async () => {
    const names = Array.from({ length: UPLOADS }, (_, index) => `upload-${String(index).padStart(2, '0')}`)
    const handles = await Promise.all(
      names.map((name) => uploadCanvas(uploads.tasks, recording(name)).enqueue()),
    )
    const pids = await start(WORKERS, 'first')
    const settled = async (): Promise<number> => {
      const [row] = await database.query<{ count: number }>(
        "select count(*)::int as count from celeriac.results where task like 'demo.%'",
      )
      return row?.count ?? 0
    }
    for (let kill = 0; kill < KILLS; kill += 1) {
      // A moment by chance, anywhere in the work: so many jobs are done then.
      const least = Math.floor(((kill + Math.random()) / KILLS) * UPLOADS * 25)
      await until(async () => (await settled()) >= least, { timeoutMs: 100_000, what: `${least} jobs` })
      const [victim = 0] = pids.splice(Math.floor(Math.random() * pids.length), 1)
      process.kill(victim, 'SIGKILL')
      pids.push(...(await start(1, `again-${kill}`)))
    }
    for (const handle of handles) {
      const states = await statesAtRest(handle.workflow, 120_000)
      expect(Object.values(states).flat()).toEqual(times(29, 'succeeded'))
    }
    expect(await lettersIn(uploads.settings.cloud)).toEqual(names.map((name) => `${name}.published.eml`))
    await expectNothingOpen(database)
  })
})
