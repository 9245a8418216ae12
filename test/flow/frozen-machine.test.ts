import { describe, expect, onTestFinished, test } from 'vitest'
import { withConnection } from '../../src/embedded/connection.ts'
import { Celeriac } from '../../src/index.ts'
import { until } from '../support/until.ts'
import { endWorkerProcesses, workerProcess } from '../support/worker-processes.ts'
import { TortureServer } from '../torture/driver/server.ts'

const LONGER_THAN_A_LEASE_MS = 17_000

describe.skipIf(process.platform !== 'linux')('a machine that stands still', () => {
  test('F-13 with its workers and its server accuses nobody when it goes on', {
    timeout: 120_000,
  }, async () => {
    const server = await TortureServer.start(18)
    onTestFinished(() => server.destroy())
    onTestFinished(endWorkerProcesses)
    const url = server.url('postgres')
    const app = new Celeriac({ database: url, log: 'silent' })
    onTestFinished(() => app.stop())
    await app.migrate()
    const hold = app.declare<() => number>('hold')
    const workers = [
      await workerProcess(url, { concurrency: 2 }),
      await workerProcess(url, { concurrency: 2 }),
    ]
    const handles = await hold.enqueueMany([[], [], [], []])
    await until(() => workers.every(({ begun }) => begun.length === 2))
    for (const worker of workers) worker.signal('SIGSTOP')
    server.freeze(true)
    const frozenAt = performance.now()
    await until(() => performance.now() - frozenAt > LONGER_THAN_A_LEASE_MS, {
      timeoutMs: 2 * LONGER_THAN_A_LEASE_MS,
    })
    server.freeze(false)
    for (const worker of workers) worker.signal('SIGCONT')
    // Two heartbeats of each: whoever wants to accuse the other has had time to.
    const later = `select bool_and(heartbeat_at > $1::timestamptz + interval '4 seconds') as later from celeriac.workers`
    const from = new Date()
    const beaten = async (): Promise<unknown> =>
      withConnection(url, async (client) => (await client.query(later, [from])).rows[0]?.later)
    await until(beaten, { timeoutMs: 30_000, what: 'heartbeats of both' })
    for (const worker of workers) worker.open()
    await Promise.all(handles.map((handle) => handle.result({ timeout: '10s' })))
    for (const handle of handles) expect(await handle.info()).toMatchObject({ attempt: 1, losses: 0 })
    for (const { facts } of workers) {
      expect(facts.filter((fact) => fact === 'worker:evicted' || fact === 'job:lost')).toEqual([])
    }
  })
})
