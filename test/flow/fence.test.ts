import { afterEach, describe, expect, test } from 'vitest'
import { aborted, eventsOf, gate, nextEvent, useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'
import { openProxy } from '../support/proxied.ts'
import { until } from '../support/until.ts'
import { endWorkerProcesses, workerProcess } from '../support/worker-processes.ts'

const database = useDatabase({ name: 'flow_fence' })
const apps = useApps(database)

afterEach(endWorkerProcesses)

describe('a worker that cannot reach the database', () => {
  test('F-41 gives its jobs up before anybody else may take them, and goes on when it can', {
    timeout: 90_000,
  }, async () => {
    await using way = await openProxy(database.url)
    const app = apps.app({ database: way.url })
    const open = gate()
    const reasons: unknown[] = []
    const abortable = app.task('fence.abort', { bind: true }, async (job) => {
      if (job.attempt > 1) return 'again'
      reasons.push(await Promise.race([aborted(job.signal), open]))
      throw job.signal.reason
    })
    let aborts = 0
    const steadfast = app.task('fence.continue', { bind: true, onUnreachable: 'continue' }, async (job) => {
      job.signal.addEventListener('abort', () => {
        aborts += 1
      })
      await open
      return job.attempt
    })
    const worker = await apps.worker(app)
    const [one, two] = [await abortable.enqueue(), await steadfast.enqueue()]
    await until(
      async () =>
        (await database.query('select from celeriac.jobs where worker_id is not null')).length === 2,
    )
    const [fenced, unfenced] = [nextEvent(app, 'worker:fenced'), nextEvent(app, 'worker:unfenced')]
    const evicted = eventsOf(app, 'worker:evicted')
    way.proxy.blackhole('toServer', 'toClient')
    const { silentMs } = await fenced
    expect(silentMs).toBeGreaterThanOrEqual(10_000)
    expect(silentMs).toBeLessThan(15_000)
    await until(() => reasons.length === 1)
    expect(reasons[0]).toMatchObject({ code: 'UNREACHABLE' })
    way.proxy.heal()
    await unfenced
    expect(await apps.app().job(one.id).result({ timeout: '20s' })).toBe('again')
    open.open()
    expect(await apps.app().job(two.id).result({ timeout: '20s' })).toBe(1)
    expect(aborts).toBe(0)
    const charged = 'select attempt, losses, snoozes from celeriac.results where id = $1'
    expect(await database.query(charged, [one.id])).toEqual([{ attempt: 2, losses: 0, snoozes: 1 }])
    expect([evicted, worker.running]).toEqual([[], 0])
  })

  test("ends at once while it runs a job of a task with onUnreachable: 'kill'", {
    timeout: 60_000,
  }, async () => {
    await using way = await openProxy(database.url)
    const hold = apps.app().declare<() => number>('hold.kill')
    const stuck = await workerProcess(way.url)
    await hold.enqueue()
    await until(() => stuck.begun.length === 1)
    way.proxy.blackhole('toServer', 'toClient')
    expect(await stuck.ended).toBe('SIGKILL')
    expect(stuck.facts).toContain('worker:fenced')
    await database.query('truncate celeriac.jobs')
  })
})
