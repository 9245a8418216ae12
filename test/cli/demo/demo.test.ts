import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { useDatabase } from '../../support/postgres.ts'
import { until } from '../../support/until.ts'
import { FIXTURES } from './sounds.ts'

const TIMEOUT_MS = 90_000
const DEMO = join(import.meta.dirname, 'run-demo.ts')

let cwd = ''
const running = new Set<Demo>()
beforeAll(async () => {
  cwd = await realpath(await mkdtemp(join(tmpdir(), 'celeriac-demo-')))
})
afterEach(() => {
  for (const demo of running) demo.child.kill('SIGKILL')
  running.clear()
})
afterAll(() => rm(cwd, { recursive: true, force: true }))

interface Demo {
  readonly child: ChildProcess
  out: string
  err: string
}

function startDemo(folder?: string, url?: string): Demo {
  const { DATABASE_URL: _, ...environment } = process.env
  const child = spawn(process.execPath, folder === undefined ? [DEMO] : [DEMO, folder], {
    cwd,
    env: url === undefined ? environment : { ...environment, DATABASE_URL: url },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const demo: Demo = { child, out: '', err: '' }
  child.stdout.on('data', (text) => (demo.out += String(text)))
  child.stderr.on('data', (text) => (demo.err += String(text)))
  running.add(demo)
  return demo
}

async function exitOf(demo: Demo): Promise<number | null> {
  await once(demo.child, 'close')
  running.delete(demo)
  return demo.child.exitCode
}

/** Process ids of the workers, as the demo names them. */
const workersOf = ({ out }: Demo): number[] =>
  [...out.matchAll(/demo-\d \(process (\d+)\)/g)].map((match) => Number(match[1]))

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const untilWorking = (demo: Demo) =>
  until(() => demo.out.includes('↻') && workersOf(demo).length === 2, {
    timeoutMs: 60_000,
    what: `work of the demo (${demo.err})`,
  })

describe('runDemo on nothing', () => {
  test('makes music, runs it and stops its PostgreSQL', { timeout: TIMEOUT_MS }, async () => {
    const demo = startDemo()
    expect({ exit: await exitOf(demo), err: demo.err }).toEqual({ exit: 0, err: '' })
    const lines = demo.out.split('\n')
    expect(lines[0]).toMatch(/^celeriac \d.* · demo/)
    expect(demo.out).toMatch(/embedded PostgreSQL \d+\.\d+ · created in /)
    expect(demo.out).toContain('5 pieces of our own in .celeriac/demo/music')
    expect(demo.out).toMatch(/Glass Garden · The Root Vegetables {2}0:12 · catalogue no\. \d/)
    expect(demo.out).toMatch(/[▁▂▃▄▅▆▇█]{20,} {2}-13\.5 LUFS · peak -3\.0 dBTP · cover 64, 256, 512 px/)
    expect(demo.out).toMatch(/✗ damaged: it ends early/)
    expect(demo.out).toMatch(/jobs {6}25 in .*: 5 demo\.track, which enqueued 20 more/)
    expect(demo.out).toMatch(/attempts {2}\d+, \d+ of them retries: .*catalogue: 503/)
    expect(demo.out).toMatch(/failed {4}2 jobs, of 5-torn-tape\.wav/)
    expect(demo.out).toMatch(/npx celeriac job [0-9a-f-]{36}/)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
    expect(demo.out).not.toMatch(/\x1b/)
    expect(workersOf(demo)).toHaveLength(2)
    expect(workersOf(demo).filter(isAlive)).toEqual([])
    expect(await readdir(join(cwd, '.celeriac', 'demo', 'covers'))).toHaveLength(12)
    const [cluster = ''] = (await readdir(join(cwd, '.celeriac'))).filter((name) => name.startsWith('pg'))
    expect(existsSync(join(cwd, '.celeriac', cluster, 'data', 'postmaster.pid'))).toBe(false)
  })
})

describe('runDemo on a database', () => {
  const database = useDatabase()
  const open = () =>
    database
      .query<{ open: number }>('select count(*)::int as open from celeriac.jobs')
      .then(([row]) => row?.open)

  test('measures every file of a folder', { timeout: TIMEOUT_MS }, async () => {
    const demo = startDemo(FIXTURES, database.url)
    expect({ exit: await exitOf(demo), err: demo.err }).toEqual({ exit: 0, err: '' })
    expect(demo.out).not.toContain('embedded')
    for (const file of await readdir(FIXTURES)) expect(demo.out).toContain(`✓ ${file}: tags, waveform`)
    const states = await database.query(
      'select task, state, count(*)::int as count from celeriac.results group by task, state order by task',
    )
    expect(states).toEqual(
      ['artwork', 'loudness', 'tags', 'track', 'waveform'].map((part) => ({
        task: `demo.${part}`,
        state: 'succeeded',
        count: 6,
      })),
    )
    const [retries] = await database.query<{ count: number }>(
      "select count(*)::int as count from celeriac.attempts where outcome = 'retry'",
    )
    expect(demo.out).toContain(`, ${retries?.count} of them ${retries?.count === 1 ? 'a retry' : 'retries'}`)
    expect(await database.query('select name from celeriac.workers')).toEqual([])
  })

  test('says where nothing can be reached', { timeout: TIMEOUT_MS }, async () => {
    const demo = startDemo(FIXTURES, 'postgres://me:secret@127.0.0.1:1/none')
    expect(await exitOf(demo)).toBe(3)
    expect(demo.err).toMatch(/^celeriac demo: cannot reach 127\.0\.0\.1:1 as "me"/)
    expect(demo.out + demo.err).not.toContain('secret')
  })

  test('refuses a folder without audio before it starts anything', { timeout: TIMEOUT_MS }, async () => {
    const demo = startDemo(import.meta.dirname, database.url)
    expect(await exitOf(demo)).toBe(1)
    expect(demo.err).toContain('no audio in ')
    expect(demo.out.trim().split('\n')).toHaveLength(1)
  })

  test('stops on a signal and leaves neither processes nor jobs', { timeout: TIMEOUT_MS }, async () => {
    const demo = startDemo(undefined, database.url)
    await untilWorking(demo)
    demo.child.kill('SIGINT')
    expect(await exitOf(demo)).toBe(130)
    expect(demo.err).toBe('')
    expect(demo.out).toContain('stopped')
    expect(workersOf(demo).filter(isAlive)).toEqual([])
    expect(await open()).toBe(0)
    expect(await database.query('select name from celeriac.workers')).toEqual([])
  })

  test('ends when all of its workers are gone', { timeout: TIMEOUT_MS }, async () => {
    const demo = startDemo(undefined, database.url)
    await untilWorking(demo)
    for (const pid of workersOf(demo)) process.kill(pid, 'SIGKILL')
    expect(await exitOf(demo)).toBe(1)
    expect(demo.err).toMatch(/worker process demo-\d ended \(SIGKILL\); what it wrote is in .*demo-\d\.log/)
  })

  test('goes on with the worker that is left', { timeout: TIMEOUT_MS }, async () => {
    const demo = startDemo(undefined, database.url)
    await untilWorking(demo)
    const [pid = 0] = workersOf(demo)
    process.kill(pid, 'SIGKILL')
    expect({ exit: await exitOf(demo), err: demo.err }).toEqual({ exit: 0, err: '' })
    expect(demo.out).toMatch(/jobs {6}25 in /)
  })

  test('takes its workers along when it is killed', { timeout: TIMEOUT_MS }, async () => {
    const demo = startDemo(undefined, database.url)
    await untilWorking(demo)
    demo.child.kill('SIGKILL')
    await exitOf(demo)
    await until(() => !workersOf(demo).some(isAlive), { what: 'the end of the workers' })
  })
})
