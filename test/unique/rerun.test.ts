import { describe, expect, test } from 'vitest'
import { gate, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { workerProcess } from '../support/worker-processes.ts'

const database = useDatabase({ name: 'unique_rerun' })
const apps = useApps(database)

describe('T-109 rerun', () => {
  test('runs once more after the one that runs, however many calls come, and never two at once', async () => {
    const app = apps.app()
    const open = gate()
    const begun: number[] = []
    let running = 0
    let most = 0
    const task = app.task('again', { unique: { key: 'one', onConflict: 'rerun' } }, async (n: number) => {
      begun.push(n)
      running += 1
      most = Math.max(most, running)
      await open
      running -= 1
      return n
    })
    await apps.worker(app, { concurrency: 5 })
    const first = await task.enqueue(1)
    await until(() => begun.length === 1)
    const second = await task.enqueue(2)
    expect(second).toMatchObject({ outcome: 'rerun', differs: ['$[0]'] })
    expect(second.id).not.toBe(first.id)
    const others = [await task.enqueue(3), await task.enqueue(4)]
    for (const other of others) expect(other).toMatchObject({ id: second.id, outcome: 'kept' })
    expect(await second.state()).toBe('waiting')
    open.open()
    expect(await first.result({ timeout: '5s' })).toBe(1)
    expect(await second.result({ timeout: '5s' })).toBe(2)
    expect([begun, most]).toEqual([[1, 2], 1])
    expect((await task.enqueue(5)).outcome).toBe('inserted')
  })

  test('with replace the last args win', async () => {
    const app = apps.app()
    const open = gate()
    const begun: number[] = []
    const task = app.task('latest', { unique: { key: 'one', onConflict: 'replace' } }, async (n: number) => {
      begun.push(n)
      await open
      return n
    })
    await apps.worker(app, { concurrency: 5 })
    const first = await task.enqueue(1)
    await until(() => begun.length === 1)
    const second = await task.enqueue(2)
    expect(second.outcome).toBe('rerun')
    expect(await task.enqueue(3)).toMatchObject({ id: second.id, outcome: 'replaced', differs: ['$[0]'] })
    open.open()
    expect(await second.result({ timeout: '5s' })).toBe(3)
    expect(await first.result()).toBe(1)
    expect(begun).toEqual([1, 3])
  })

  test('keys do not hold each other up', async () => {
    const app = apps.app()
    const open = gate()
    const begun: string[] = []
    const task = app.task(
      'keyed',
      { unique: { key: (key: string) => key, onConflict: 'rerun' } },
      async (key: string) => {
        begun.push(key)
        await open
      },
    )
    await apps.worker(app, { concurrency: 10 })
    await task.enqueueMany([['a'], ['b'], ['c'], ['a']])
    await until(() => begun.length === 3)
    const again = await task.enqueueMany([['a'], ['b'], ['d']])
    expect(again.map(({ outcome }) => outcome)).toEqual(['rerun', 'rerun', 'inserted'])
    await until(() => begun.length === 4)
    open.open()
    for (const handle of again) await handle.result({ timeout: '5s' })
    expect(begun.toSorted()).toEqual(['a', 'a', 'b', 'b', 'c', 'd'])
  })

  test('the next one begins when the worker of the one before was killed', async () => {
    const app = apps.app()
    const hold = app.declare<() => number>('hold')
    const call = hold.with({ unique: { key: 'killed', onConflict: 'rerun' } })
    const one = await workerProcess(database.url)
    const first = await call.enqueue()
    await until(() => one.begun.length === 1)
    const second = await call.enqueue()
    expect(second.outcome).toBe('rerun')
    one.signal('SIGKILL')
    await one.ended
    const other = await workerProcess(database.url)
    await until(() => other.begun.length === 1, { timeoutMs: 20_000 })
    const [begun] = other.begun
    other.open()
    await first.result({ timeout: '10s' })
    await second.result({ timeout: '10s' })
    expect([first.id, second.id]).toContain(begun?.id)
    expect(other.begun.map(({ id }) => id).toSorted()).toEqual([first.id, second.id].toSorted())
    other.signal('SIGTERM')
    await other.ended
  }, 60_000)
})

test('T-109 a key is still held when the worker of its job was killed, and free once the job is settled', async () => {
  const app = apps.app()
  const hold = app.declare<() => number>('hold')
  const call = hold.with({ unique: { key: 'kept' } })
  const one = await workerProcess(database.url)
  const first = await call.enqueue()
  await until(() => one.begun.length === 1)
  one.signal('SIGKILL')
  await one.ended
  expect(await call.enqueue()).toMatchObject({ id: first.id, outcome: 'kept' })
  const other = await workerProcess(database.url)
  other.open()
  await first.result({ timeout: '20s' })
  expect((await call.enqueue()).outcome).toBe('inserted')
  other.signal('SIGTERM')
  await other.ended
}, 60_000)
