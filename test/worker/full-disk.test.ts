import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventsOf, gate, useApps } from '../support/apps.ts'
import { createDatabase, type TestDatabase, useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const outer = useDatabase({ name: 'full_disk' })
const apps = useApps(outer)

/** A small disk of its own; null where this process may not mount one. */
function mountDisk(megabytes: number): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder], { stdio: 'ignore' })
    chmodSync(folder, 0o777)
    return folder
  } catch {
    rmdirSync(folder)
    return null
  }
}

const disk = mountDisk(32)
const ballast = join(disk ?? '', 'ballast')
if (disk === null) console.warn('full-disk.test.ts is skipped: nothing can be mounted here')

/** Leaves no block. */
function fill(): void {
  try {
    for (;;) writeFileSync(ballast, Buffer.alloc(64 * 1024), { flag: 'a' })
  } catch {
    // Full.
  }
}

describe.skipIf(disk === null)('F-27: a disk that is full', () => {
  let database: TestDatabase
  const space = `full_disk_${process.pid}`

  beforeAll(async () => {
    await outer.query(`create tablespace ${space} location '${disk}'`)
    database = await createDatabase({ name: 'on_full_disk' })
    for (const table of ['jobs', 'attempts_default', 'results_default']) {
      await database.query(`alter table celeriac.${table} set tablespace ${space}`)
    }
    const days = await database.query<{ day: string }>(
      `select inhrelid::regclass::text as day from pg_inherits where inhparent in ('celeriac.results'::regclass, 'celeriac.attempts'::regclass)`,
    )
    for (const { day } of days) await database.query(`alter table ${day} set tablespace ${space}`)
  })

  afterAll(async () => {
    rmSync(ballast, { force: true })
    await database.drop()
    await outer.query(`drop tablespace ${space}`)
    execFileSync('umount', [disk ?? ''])
    rmdirSync(disk ?? '')
  })

  test('costs no work that is done, nor a worker: it is settled when there is room again', {
    timeout: 60_000,
  }, async () => {
    const app = apps.app({ database: database.url })
    const open = gate()
    const runs = new Map<number, number>()
    // Random, so that the server cannot make it smaller.
    const value = randomBytes(200_000).toString('base64')
    const task = app.task('disk.result', async (n: number) => {
      runs.set(n, (runs.get(n) ?? 0) + 1)
      await open
      return value
    })
    const [errors, evicted] = [eventsOf(app, 'error'), eventsOf(app, 'worker:evicted')]
    await apps.worker(app, { concurrency: 20 })
    const handles = await task.enqueueMany(Array.from({ length: 20 }, (_, n) => [n]))
    await until(() => runs.size === 20)
    fill()
    open.open()
    await until(
      () =>
        errors.some(({ error }) => /53100|No space left/.test(`${String(error)} ${JSON.stringify(error)}`)),
      {
        what: 'that the server complains',
      },
    )
    // An enqueue of that size waits for room as well, for some time.
    const late = task.with({ labels: { late: 'yes' } }).enqueue(100)
    await until(() => errors.length >= 3)
    rmSync(ballast)
    for (const handle of handles) expect(await handle.result({ timeout: '20s' })).toBe(value)
    expect(await (await late).result({ timeout: '20s' })).toBe(value)
    expect([runs.size, Math.max(...runs.values()), evicted]).toEqual([21, 1, []])
  })
})
