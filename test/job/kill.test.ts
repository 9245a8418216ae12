import { describe, expect, test } from 'vitest'
import { JobCancelledError } from '../../src/index.ts'
import { aborted, eventsOf, gate, nextEvent, rejection, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'job_kill' })
const apps = useApps(database)
const NOBODY = '019a0000-0000-7000-8000-000000000000'

describe('kill', () => {
  test('ends a job at once that listens to nothing, and its worker goes on', async () => {
    const app = apps.app()
    const succeeded = eventsOf(app, 'job:succeeded')
    const [begun, told, late] = [gate(), gate<unknown>(), gate()]
    const task = app.task('kill.deaf', { bind: true }, async (job) => {
      void aborted(job.signal).then(told.open)
      begun.open()
      await late
      return 'too late'
    })
    const next = app.task('kill.next', () => 'next')
    const worker = await apps.worker(app, { concurrency: 1 })
    const handle = await task.enqueue()
    await begun
    const lost = nextEvent(app, 'job:lost')
    expect(await handle.kill({ reason: 'runs wild' })).toBe('killed')
    const settled = await handle.settled({ timeout: '2s' })
    expect(settled).toMatchObject({ ok: false, error: { reason: 'runs wild' } })
    expect(settled.ok ? null : settled.error).toBeInstanceOf(JobCancelledError)
    expect([await told, (await lost).jobId]).toMatchObject([{ code: 'LEASE_LOST' }, handle.id])
    // Its slot is free, though the handler has not noticed.
    expect(await (await next.enqueue()).result({ timeout: '2s' })).toBe('next')
    late.open()
    await worker.stop()
    expect(succeeded.map(({ task: name }) => name)).toEqual(['kill.next'])
    expect(await handle.state()).toBe('cancelled')
  })

  test('reaches the worker of another process, and the one who waits there', async () => {
    const [here, there] = [apps.app(), apps.app()]
    const told = gate<unknown>()
    const begun = gate()
    there.task('kill.remote', { bind: true }, async (job) => {
      begun.open()
      told.open(await aborted(job.signal))
    })
    await apps.worker(there)
    const handle = await here.declare<() => void>('kill.remote').enqueue()
    const waiting = rejection(there.job(handle.id).result({ timeout: '5s' }))
    await begun
    expect(await handle.kill()).toBe('killed')
    expect(await waiting).toMatchObject({ code: 'JOB_CANCELLED' })
    expect(await told).toMatchObject({ code: 'LEASE_LOST' })
  })

  test('reaches a job that was claimed ahead before it begins', async () => {
    const app = apps.app()
    const open = gate()
    const begun: string[] = []
    const task = app.task('kill.ahead', async (word: string) => {
      begun.push(word)
      if (word === 'hold') await open
    })
    const claimed = eventsOf(app, 'job:claimed')
    await apps.worker(app, { concurrency: 1 })
    // Quick ones first, so that the worker claims ahead.
    const quick = await task.enqueueMany(Array.from({ length: 60 }, () => ['quick'] as [string]))
    await Promise.all(quick.map((handle) => handle.result()))
    const [, later] = await task.enqueueMany([['hold'], ['later']])
    await until(() => claimed.some(({ jobId }) => jobId === later?.id), { what: 'the claim of both' })
    const lost = nextEvent(app, 'job:lost')
    expect(await later?.kill()).toBe('killed')
    expect(await lost).toMatchObject({ jobId: later?.id })
    open.open()
    await (await task.enqueue('last')).result({ timeout: '5s' })
    expect(begun).not.toContain('later')
  })

  test('is a hint only: a worker that hears of it asks before it lets go', async () => {
    const app = apps.app()
    const lost = eventsOf(app, 'job:lost')
    const told = gate<unknown>()
    const [begun, open] = [gate(), gate()]
    const task = app.task('kill.rumour', { bind: true }, async (job, listens: boolean) => {
      begun.open()
      if (listens) told.open(await aborted(job.signal))
      else await open
      return job.signal.aborted
    })
    await apps.worker(app)
    const [slandered, cancelled] = await task.enqueueMany([[false], [true]])
    await begun
    await database.query(`select pg_notify(celeriac.channel(), 'k ' || $1)`, [slandered?.id])
    // Heard by the same session after the rumour.
    await cancelled?.cancel()
    await told
    open.open()
    expect(await slandered?.result({ timeout: '5s' })).toBe(false)
    expect(lost).toEqual([])
  })

  test('says when it comes too late, and when nobody knows the job', async () => {
    const app = apps.app()
    const task = app.task('kill.done', () => 1)
    await apps.worker(app)
    const handle = await task.enqueue()
    await handle.result()
    expect(await handle.kill()).toBe('settled')
    expect(await rejection(app.job(NOBODY).kill())).toMatchObject({ code: 'JOB_UNKNOWN' })
  })
})
