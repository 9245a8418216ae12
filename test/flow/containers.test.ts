import { afterEach, describe, expect, test } from 'vitest'
import { useApps } from '../support/apps.ts'
import { AS_PROCESS_1, childOf, noNamespaces } from '../support/pid-namespace.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { endWorkerProcesses, type WorkerProcess, workerProcess } from '../support/worker-processes.ts'

const database = useDatabase({ name: 'flow_containers' })
const apps = useApps(database)

afterEach(endWorkerProcesses)
afterEach(() => database.query('truncate celeriac.jobs, celeriac.workers'))

if (noNamespaces !== null)
  console.warn(`containers.test.ts is skipped: no pid namespaces here (${noNamespaces})`)

/** A worker that is process 1, as in a container that has no init. */
const contained = (options = {}): Promise<WorkerProcess> =>
  workerProcess(database.url, { inside: AS_PROCESS_1, quiet: true, ...options })

describe.skipIf(noNamespaces !== null)('a worker that is process 1 of its container', () => {
  test('F-06 stops in order when it is told to, with 0', { timeout: 30_000 }, async () => {
    const hold = apps.app().declare<() => number>('hold')
    const worker = await contained()
    const handle = await hold.enqueue()
    await until(() => worker.begun.length === 1)
    process.kill(childOf(worker.pid), 'SIGTERM')
    const stopping = 'select from celeriac.workers where stopping'
    await until(async () => (await database.query(stopping)).length === 1)
    worker.open()
    expect(await worker.ended).toBe(0)
    expect(await handle.result()).toBe(1)
  })

  test('F-09 is ended by its guard though no signal of its own can kill it', {
    timeout: 30_000,
  }, async () => {
    const block = apps.app().declare<(ms: number) => number>('block')
    const stuck = await contained({ maxBlockMs: 1_000 })
    await block.enqueue(60_000)
    await until(() => stuck.begun.length === 1)
    const ended = await stuck.ended
    expect(typeof ended === 'string' || ended > 0).toBe(true)
    const heir = await contained()
    await until(() => heir.begun.length === 1, { timeoutMs: 15_000, what: 'the rescue' })
  })

  test('F-15 is not taken for another with the same host name and process id', {
    timeout: 30_000,
  }, async () => {
    const hold = apps.app().declare<() => number>('hold')
    const [victim, twin] = [await contained({ concurrency: 1 }), await contained({ concurrency: 1 })]
    const handles = await hold.enqueueMany([[], []])
    await until(() => victim.begun.length + twin.begun.length === 2)
    const workers = await database.query<{ id: string; host: string; pid: number; presence_key: string }>(
      'select id, host, pid, presence_key from celeriac.workers',
    )
    expect([new Set(workers.map(({ host, pid }) => `${host} ${pid}`)).size, workers[0]?.pid]).toEqual([1, 1])
    expect(new Set(workers.flatMap(({ id, presence_key }) => [id, presence_key])).size).toBe(4)
    process.kill(childOf(victim.pid), 'SIGKILL')
    await victim.ended
    twin.open()
    await Promise.all(handles.map((handle) => handle.result({ timeout: '15s' })))
    const losses = await Promise.all(handles.map(async (handle) => (await handle.info())?.losses))
    expect(losses.toSorted()).toEqual([0, 1])
    expect(twin.facts).toEqual([])
  })
})
