import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { useApps } from '../support/apps.ts'
import { aKey } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { endWorkerProcesses, type WorkerProcess, workerProcess } from '../support/worker-processes.ts'

const database = useDatabase({ name: 'lock_processes' })
const apps = useApps(database)
const program = join(import.meta.dirname, 'lock-process.ts')
const start = (): Promise<WorkerProcess> => workerProcess(database.url, { program })

interface Note {
  readonly fence: string
  readonly what: 'begin' | 'end'
  readonly pid: number
}

beforeAll(async () => {
  await database.query(
    'create table history (id bigint generated always as identity, key text, fence bigint, what text, pid integer)',
  )
})
afterEach(endWorkerProcesses)

describe('S50', () => {
  test('fifty jobs of one key, in ten processes, never run two at once', { timeout: 240_000 }, async () => {
    const processes: WorkerProcess[] = []
    // A few at a time: a busy machine starts no faster all at once.
    while (processes.length < 10) processes.push(...(await Promise.all([start(), start()])))
    const key = aKey()
    const app = apps.app()
    const task = app.declare<(key: string) => number>('lock.record')
    const handles = await task.enqueueMany(Array.from({ length: 50 }, () => [key]))
    // Somebody who is no job stands in the same line.
    const outside = app.lock(key, async ({ fence }) => {
      await database.query(
        `insert into history (key, fence, what, pid) values ($1, $2, 'begin', 0), ($1, $2, 'end', 0)`,
        [key, fence],
      )
    })
    const pids = await Promise.all(handles.map((handle) => handle.result({ timeout: '60s' })))
    await outside
    const notes = await database.query<Note>(
      'select fence, what, pid from history where key = $1 order by id',
      [key],
    )
    expect(notes).toHaveLength(102)
    let before = 0
    for (let index = 0; index < notes.length; index += 2) {
      const [begin, end] = notes.slice(index, index + 2)
      expect([begin?.what, end?.what, end?.fence, end?.pid]).toEqual([
        'begin',
        'end',
        begin?.fence,
        begin?.pid,
      ])
      expect(Number(begin?.fence)).toBeGreaterThan(before)
      before = Number(begin?.fence)
    }
    expect(new Set(pids).size).toBeGreaterThan(1)
    expect(processes).toHaveLength(10)
    expect(await database.query('select from celeriac.locks where key = $1', [key])).toEqual([])
  })

  test('SIGKILL of the holder frees the key at once', { timeout: 60_000 }, async () => {
    const victim = await start()
    const app = apps.app()
    const key = aKey()
    const handle = await app.declare<(key: string) => number>('lock.hold').enqueue(key)
    await until(() => victim.begun.length === 1)
    const [row] = await database.query<{ fence: string }>(
      'select fence from celeriac.lock_list where key = $1 and held and job_id = $2',
      [key, handle.id],
    )
    const mine = app.lock(key, ({ fence }) => fence)
    await until(
      async () =>
        (await database.query('select from celeriac.locks where key = $1 and wanted_at is not null', [key]))
          .length === 1,
    )
    victim.signal('SIGKILL')
    // Its worker is missed only later.
    expect(await mine).toBeGreaterThan(Number(row?.fence))
    expect(await handle.state()).toBe('running')
    const heir = await start()
    await until(() => heir.begun.length === 1, { timeoutMs: 30_000, what: 'the rescue' })
    heir.open()
    expect(await handle.result({ timeout: '5s' })).toBeGreaterThan(Number(row?.fence))
  })
})
