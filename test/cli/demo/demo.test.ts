import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { useDatabase } from '../../support/postgres.ts'
import { until } from '../../support/until.ts'
import { FIXTURES } from './sounds.ts'

const TIMEOUT_MS = 180_000
const DEMO = join(import.meta.dirname, 'run-demo.ts')

let cwd = ''
/** The music it makes itself. */
const TRACKS = ['1-glass-garden', '2-slow-tide', '3-night-train', '4-tin-roof']
const STEPS = [
  'upload',
  'tags',
  'art, 8 sizes × 2',
  'waveform',
  'normalise',
  'rights',
  'mp3 128, 192, 320',
  'index',
  'followers',
  'notify',
]
/** Jobs of one upload, by task. */
const JOBS = {
  art: 16,
  encode: 3,
  index: 1,
  normalise: 1,
  notify: 1,
  publish: 3,
  rights: 1,
  tags: 1,
  upload: 1,
  waveform: 1,
}
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

function startDemo(args: readonly string[] = [], url?: string): Demo {
  const { DATABASE_URL: _, ...environment } = process.env
  const child = spawn(process.execPath, [DEMO, ...args], {
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
  test('makes music, publishes it and stops its PostgreSQL', { timeout: TIMEOUT_MS }, async () => {
    const demo = startDemo()
    expect({ exit: await exitOf(demo), err: demo.err }).toEqual({ exit: 0, err: '' })
    const lines = demo.out.split('\n')
    expect(lines[0]).toMatch(/^celeriac \d.* · demo/)
    expect(demo.out).toMatch(/embedded PostgreSQL \d+\.\d+ · created in /)
    expect(demo.out).toContain('4 pieces of our own in .celeriac/demo/music')
    expect(demo.out).toContain('cloud     a folder, .celeriac/demo/cloud')
    expect(demo.out).toMatch(/↻ .*: rights, attempt 1: copyright service: 503 waking up/)
    for (const track of TRACKS) {
      for (const step of STEPS) expect(lines).toContain(`✓ ${track}: ${step}`)
    }
    expect(demo.out).toMatch(/Glass Garden · The Root Vegetables {2}0:12 · 1-glass-garden/)
    expect(demo.out).toMatch(
      /[▁▂▃▄▅▆▇█]{20,} {2}-13\.5 LUFS → -14\.0 LUFS · peak -3\.6 dBTP · cleared, entry \d/,
    )
    expect(demo.out).toMatch(/16 pictures \(.*\) · mp3 128, 192, 320 kbit\/s \(.*\)/)
    expect(lines.filter((line) => line === '  ✓ published')).toHaveLength(4)
    expect(demo.out).toMatch(/jobs {6}116 in .*, enqueued as 4 canvases/)
    expect(demo.out).toMatch(/attempts {2}\d+, \d+ of them (a retry|retries): .*copyright service: 503/)
    expect(demo.out).toMatch(/files {5}116 \(.*\) in \.celeriac\/demo\/cloud, 4 of them letters/)
    expect(demo.out).toMatch(/npx celeriac workflow [0-9a-f-]{36}/)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
    expect(demo.out).not.toMatch(/\x1b/)
    expect(workersOf(demo)).toHaveLength(2)
    expect(workersOf(demo).filter(isAlive)).toEqual([])
    const cloud = join(cwd, '.celeriac', 'demo', 'cloud')
    expect((await readdir(join(cloud, '1-glass-garden', 'art'))).toSorted()).toHaveLength(16)
    expect((await readdir(join(cloud, 'outbox'))).toSorted()).toEqual(
      TRACKS.map((track) => `${track}.published.eml`),
    )
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

  test('publishes every file of a folder', { timeout: TIMEOUT_MS }, async () => {
    const demo = startDemo([FIXTURES], database.url)
    expect({ exit: await exitOf(demo), err: demo.err }).toEqual({ exit: 0, err: '' })
    expect(demo.out).not.toContain('embedded')
    expect(demo.out.match(/✓ published/g)).toHaveLength(6)
    const states = await database.query(
      `select task, state, count(*)::int as count from celeriac.results
        where task like 'demo.%' group by task, state order by task`,
    )
    expect(states).toEqual(
      Object.entries(JOBS).map(([task, count]) => ({
        task: `demo.${task}`,
        state: 'succeeded',
        count: count * 6,
      })),
    )
    const [retries] = await database.query<{ count: number }>(
      "select count(*)::int as count from celeriac.attempts where outcome = 'retry'",
    )
    expect(demo.out).toContain(`, ${retries?.count} of them ${retries?.count === 1 ? 'a retry' : 'retries'}`)
    expect(await database.query('select name from celeriac.workers')).toEqual([])
  })

  test('shows with --fail what fails, what is tried again, and who is told', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const demo = startDemo(['--fail'], database.url)
    expect({ exit: await exitOf(demo), err: demo.err }).toEqual({ exit: 0, err: '' })
    const lines = demo.out.split('\n')
    expect(demo.out).toContain('3-night-train.mp3 belongs to somebody else; the service knows')
    expect(lines).toContain(
      '✗ 3-night-train: rights: it infringes a copyright: it is registered to somebody else',
    )
    expect(demo.out).toMatch(/✗ 5-torn-tape: waveform: .* is damaged: it ends early/)
    for (const track of ['3-night-train', '5-torn-tape']) {
      for (const step of ['mp3 128, 192, 320', 'index', 'followers', 'notify']) {
        expect(lines).toContain(`⊘ ${track}: ${step}`)
      }
      expect(lines).toContain(`✓ ${track}: tell the uploader`)
      expect(lines).toContain(`✓ ${track}: art, 8 sizes × 2`)
    }
    expect(lines).toContain('✓ 3-night-train: normalise')
    expect(lines.filter((line) => line === '  ✓ published')).toHaveLength(3)
    expect(demo.out).toMatch(/failed {4}2 jobs; \d+ that depend on them never ran and are settled, too/)
    const outbox = join(cwd, '.celeriac', 'demo', 'cloud', 'outbox')
    expect(await readFile(join(outbox, '3-night-train.refused.eml'), 'utf8')).toContain(
      'was not published: it infringes a copyright: it is registered to somebody else.',
    )
    expect((await readdir(outbox)).filter((name) => name.endsWith('.refused.eml')).toSorted()).toEqual([
      '3-night-train.refused.eml',
      '5-torn-tape.refused.eml',
    ])
  })

  test('says where nothing can be reached', { timeout: TIMEOUT_MS }, async () => {
    const demo = startDemo([FIXTURES], 'postgres://me:secret@127.0.0.1:1/none')
    expect(await exitOf(demo)).toBe(3)
    expect(demo.err).toMatch(/^celeriac demo: cannot reach 127\.0\.0\.1:1 as "me"/)
    expect(demo.out + demo.err).not.toContain('secret')
  })

  test('refuses a folder without audio before it starts anything', { timeout: TIMEOUT_MS }, async () => {
    const demo = startDemo([import.meta.dirname], database.url)
    expect(await exitOf(demo)).toBe(1)
    expect(demo.err).toContain('no audio in ')
    expect(demo.out.trim().split('\n')).toHaveLength(1)
  })

  test('stops on a signal and leaves neither processes nor jobs', { timeout: TIMEOUT_MS }, async () => {
    const demo = startDemo([], database.url)
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
    const demo = startDemo([], database.url)
    await untilWorking(demo)
    for (const pid of workersOf(demo)) process.kill(pid, 'SIGKILL')
    expect(await exitOf(demo)).toBe(1)
    expect(demo.err).toMatch(/worker process demo-\d ended \(SIGKILL\); what it wrote is in .*demo-\d\.log/)
  })

  test('goes on with the worker that is left', { timeout: TIMEOUT_MS }, async () => {
    const demo = startDemo([], database.url)
    await untilWorking(demo)
    const [pid = 0] = workersOf(demo)
    process.kill(pid, 'SIGKILL')
    expect({ exit: await exitOf(demo), err: demo.err }).toEqual({ exit: 0, err: '' })
    expect(demo.out).toMatch(/jobs {6}116 in /)
  })

  test('takes its workers along when it is killed', { timeout: TIMEOUT_MS }, async () => {
    const demo = startDemo([], database.url)
    await untilWorking(demo)
    demo.child.kill('SIGKILL')
    await exitOf(demo)
    await until(() => !workersOf(demo).some(isAlive), { what: 'the end of the workers' })
  })
})
