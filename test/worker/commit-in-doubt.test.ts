import { describe, expect, test } from 'vitest'
import { eventsOf, useApps } from '../support/apps.ts'
import { commitProxy } from '../support/commit-proxy.ts'
import { codeOf, EFFECT, useEffects } from '../support/effects.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'commit_in_doubt' })
const apps = useApps(database)
const effects = useEffects(database)
const AT_ONCE = { backoff: ['10ms'] } as const

describe('F-59 a COMMIT whose answer does not come', () => {
  test('is taken for what it came to: committed', async () => {
    await using proxy = await commitProxy(database.url)
    const app = apps.app({ database: proxy.url })
    const [retried, succeeded] = [eventsOf(app, 'job:retried'), eventsOf(app, 'job:succeeded')]
    const task = app.task('doubt.committed', { bind: true }, async (job) => {
      proxy.break('answer lost')
      return job.transaction(async (tx) => {
        await tx.query(EFFECT, [job.id, job.attempt])
        return job.attempt
      })
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    expect(await handle.result({ timeout: '10s' })).toBe(1)
    await until(() => succeeded.length === 1)
    expect([proxy.hits, await effects.of(handle), retried]).toEqual([1, [1], []])
  })

  test.each([
    'request lost',
    'black hole',
  ] as const)('is taken for what it came to: rolled back (%s)', async (fault) => {
    await using proxy = await commitProxy(database.url)
    const app = apps.app({ database: proxy.url })
    const errors: unknown[] = []
    const task = app.task('doubt.aborted', { bind: true, ...AT_ONCE }, async (job) => {
      if (job.attempt === 1) proxy.break(fault)
      try {
        return await job.transaction(async (tx) => {
          await tx.query(EFFECT, [job.id, job.attempt])
          return job.attempt
        })
      } catch (error) {
        errors.push(codeOf(error))
        throw error
      }
    })
    await apps.worker(app)
    const handle = await task.enqueue()
    expect(await handle.result({ timeout: '15s' })).toBe(2)
    expect([proxy.hits, errors, await effects.of(handle)]).toEqual([1, ['CONNECT_FAILED'], [2]])
  }, 20_000)
})
