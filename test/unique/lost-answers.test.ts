import { randomUUID } from 'node:crypto'
import { describe, expect, onTestFinished, test } from 'vitest'
import { gate, rejection, useApps } from '../support/apps.ts'
import { rowsOf } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { openProxy } from '../support/proxied.ts'
import { until } from '../support/until.ts'
import { bringTo } from './holders.ts'

const database = useDatabase({ name: 'unique_lost' })
const apps = useApps(database)
const ENQUEUE = /enqueue_unique/

/** An app behind a proxy, connected once. */
async function proxied() {
  const way = await openProxy(database.url)
  onTestFinished(() => way[Symbol.asyncDispose]())
  const app = apps.app({ database: way.url, listen: false, maxConnections: 2 })
  await app.enqueue('warm.up')
  return { ...way, app }
}

describe('F-33 T-109 a unique call whose answer is lost', () => {
  test('comes out the same, whatever it came to', async () => {
    const { app, proxy } = await proxied()
    const task = app.declare<(n: number) => void>('lost')
    const call = task.with({ unique: { key: 'lost', onConflict: 'replace' } })
    const losing = async (n: number) => {
      const dropped = gate()
      proxy.dropNextReply(ENQUEUE, 'reset', () => dropped.open())
      const handle = await call.enqueue(n)
      await dropped
      return handle
    }
    const first = await losing(1)
    expect(first.outcome).toBe('inserted')
    expect(await losing(2)).toMatchObject({ id: first.id, outcome: 'replaced' })
    await bringTo(database, first.id, 'running')
    const second = await losing(3)
    expect(second.outcome).toBe('rerun')
    expect(second.id).not.toBe(first.id)
    const rows = await rowsOf(
      database,
      `select id, args from celeriac.jobs where task = 'lost' order by args`,
    )
    expect(rows).toEqual([
      { id: first.id, args: [2] },
      { id: second.id, args: [3] },
    ])
  })

  test('does not run a second time when it has run before anybody could ask', async () => {
    const { app, proxy } = await proxied()
    let runs = 0
    const elsewhere = apps.app()
    elsewhere.task('lost.ran', () => {
      runs += 1
      return runs
    })
    await apps.worker(elsewhere)
    proxy.dropNextReply(ENQUEUE, 'reset', () => proxy.blackhole('toServer', 'toClient'))
    const enqueuing = app
      .declare<() => number>('lost.ran')
      .with({ unique: { key: 'ran' } })
      .enqueue()
    await until(
      async () => (await database.query(`select from celeriac.results where task = 'lost.ran'`)).length,
    )
    proxy.heal()
    const handle = await enqueuing
    expect([await handle.result({ timeout: '3s' }), handle.outcome, runs]).toEqual([1, 'inserted', 1])
  })

  test('of many jobs enqueues each of them once', async () => {
    const { app, proxy } = await proxied()
    const task = app.task('lost.many', { unique: { key: (n: number) => n % 200 } }, (n: number) => n)
    const dropped = gate()
    proxy.dropNextReply(ENQUEUE, 'reset', () => dropped.open())
    const handles = await task.enqueueMany(Array.from({ length: 400 }, (_, n): [number] => [n]))
    await dropped
    expect(handles.slice(0, 200).map(({ outcome }) => outcome)).toEqual(Array(200).fill('inserted'))
    expect(handles.slice(200).map(({ outcome }) => outcome)).toEqual(Array(200).fill('kept'))
    const rows = await rowsOf(database, `select id from celeriac.jobs where task = 'lost.many'`)
    expect(rows).toHaveLength(200)
  })

  test('says that nobody knows when nothing would be left of a job that has run', async () => {
    const { app, proxy } = await proxied()
    proxy.dropNextReply(ENQUEUE, 'reset', () => undefined)
    const call = app.declare<() => void>('traceless').with({ unique: { key: 'a' }, resultTtl: '1s' })
    expect(await rejection(call.enqueue())).toMatchObject({ code: 'ENQUEUE_UNKNOWN' })
  })
})

describe('T-109 the same call sent twice', () => {
  const send = async (id: string, rule: object, args: unknown[]) => {
    const shape = { queue: 'default', task: 'sent', unique: rule }
    const [row] = await rowsOf(database, 'select answers from celeriac.enqueue_unique($1, 1000)', [
      JSON.stringify([[shape, [['key', [id, args]]]]]),
    ])
    return row?.answers ?? null
  }

  test('is one call, also when its job has been settled, or replaced by another, since', async () => {
    const rule = { onConflict: 'replace', states: ['waiting', 'pending', 'running'] }
    const id = randomUUID()
    expect(await send(id, rule, [1])).toBeNull()
    expect(await send(id, { ...rule, resent: true }, [1])).toBeNull()
    const other = randomUUID()
    expect(await send(other, rule, [2])).toEqual([[other, 'replaced', id, [1]]])
    expect(await send(other, { ...rule, resent: true }, [2])).toEqual([[other, 'replaced', id]])
    await bringTo(database, id, 'succeeded')
    const third = randomUUID()
    expect(await send(third, rule, [3])).toBeNull()
    expect(await send(id, { ...rule, resent: true }, [1])).toBeNull()
    const rows = await rowsOf(database, `select id from celeriac.jobs where task = 'sent'`)
    expect(rows).toEqual([{ id: third }])
  })
})
