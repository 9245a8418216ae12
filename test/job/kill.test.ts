import { describe, expect, test } from 'vitest'
import { JobCancelledError } from '../../src/index.ts'
import { aborted, eventsOf, gate, nextEvent, rejection, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'

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

  test('lets nothing of a job go on that waits for a slot', async () => {
    const app = apps.app()
    const [begun, open] = [gate(), gate()]
    let runs = 0
    const first = app.task('kill.first', async () => {
      begun.open()
      await open
    })
    const second = app.task('kill.second', () => {
      runs += 1
    })
    await apps.worker(app, { concurrency: 1 })
    await first.enqueue()
    await begun
    const handle = await second.enqueue()
    expect(['killed', 'cancelled']).toContain(await handle.kill())
    open.open()
    await (await app.task('kill.after', () => 1).enqueue()).result({ timeout: '5s' })
    expect([runs, await handle.state()]).toEqual([0, 'cancelled'])
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
