import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { useApps } from '../support/apps.ts'
import { useDatabase } from '../support/postgres.ts'

const database = useDatabase({ name: 'worker_settings' })
const apps = useApps(database)

/** The URL in its parts, as settings often come. */
function settings(): pg.PoolConfig {
  const url = new URL(database.url)
  return {
    host: url.hostname,
    port: Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: url.pathname.slice(1),
  }
}

describe('database', () => {
  test('may be settings, and every connection gets the password', async () => {
    const app = apps.app({ database: settings() })
    const task = app.task('settings', () => 'in')
    await apps.worker(app)
    expect(await (await task.enqueue()).result({ timeout: '5s' })).toBe('in')
    expect((await app.migrate()).applied).toEqual([])
  })

  test('may be a pool of yours that was made from settings', async () => {
    const pool = new pg.Pool(settings())
    const app = apps.app({ database: pool })
    const task = app.task('pool', () => 'in')
    const worker = await apps.worker(app)
    expect(await (await task.enqueue()).result({ timeout: '5s' })).toBe('in')
    expect((await app.migrate()).applied).toEqual([])
    await worker.stop()
    await app.stop()
    await pool.end()
  })

  test('may be a pool that many apps share, without a warning', async () => {
    const warnings: string[] = []
    const onWarning = (warning: Error): void => void warnings.push(warning.message)
    process.on('warning', onWarning)
    for (let turn = 0; turn < 12; turn += 1) {
      const app = apps.app({ database: database.pool })
      await app.task('shares', () => 1).enqueue()
      await app.stop()
    }
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', onWarning)
    expect(warnings).toEqual([])
  })
})
