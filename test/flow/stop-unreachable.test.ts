import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { openProxy } from '../support/proxied.ts'
import { until } from '../support/until.ts'
import { endWorkerProcesses, workerProcess } from '../support/worker-processes.ts'

const database = useDatabase({ name: 'flow_stop_unreachable' })
const apps = useApps(database)
afterEach(endWorkerProcesses)

describe('F-06: a worker process that is told to stop', () => {
  test('ends by itself though the database takes what it has done no more', { timeout: 60_000 }, async () => {
    const way = await openProxy(database.url)
    onTestFinished(() => way[Symbol.asyncDispose]())
    const worker = await workerProcess(way.url, { concurrency: 2 })
    const hold = apps.app().declare<() => number>('hold')
    const [first] = await hold.enqueueMany([[], []])
    await until(() => worker.begun.length === 2)
    way.proxy.blackhole('toServer', 'toClient')
    worker.open()
    worker.signal('SIGTERM')
    worker.signal('SIGINT')
    const ended = await Promise.race([
      worker.ended,
      new Promise((resolve) => setTimeout(resolve, 40_000, 'never')),
    ])
    expect(ended).not.toBe('never')
    expect(await first?.state()).toBe('running')
  })
})
