import { describe, expect, test } from 'vitest'
import { CeleriacError } from '../../src/base/errors.ts'
import { makeProgram } from '../../src/cli/program.ts'
import { aCanvas, type Canvas, FAILS, type NodeSpec, takes } from '../canvas/rows.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { cli, startCli } from './run-cli.ts'

const database = useDatabase({ name: 'cli_workflow' })
const env = () => ({ DATABASE_URL: database.url })
const run = (...args: string[]) => cli(['workflow', ...args], { env: env() })
const NOBODY = '01939cb4-0000-7000-8000-000000000000'

/** a | group(b, chain(c, group(d, e), f)) | g */
const NESTED: Readonly<Record<string, NodeSpec>> = {
  a: {},
  b: { after: ['a'] },
  c: { after: ['a'] },
  d: { after: ['c'] },
  e: { after: ['c'] },
  inner: { join: 'object', after: ['d', 'e'], parent: 'c' },
  f: { after: ['inner'] },
  outer: { join: 'list', after: ['b', 'f'], parent: 'a' },
  g: { after: ['outer'] },
}

/** The command on a terminal of its own: what it shows now, and how it ends. */
function onTerminal(args: readonly string[], rows = 24) {
  const controller = new AbortController()
  const written: string[] = []
  const stdout = { isTTY: true, columns: 100, rows, write: (text: string) => written.push(text) }
  let exitCode: number | null = null
  const program = makeProgram({
    terminal: { stdout, stderr: stdout, stdin: process.stdin, env: { ...env(), NO_COLOR: '1' } },
    interrupts: {
      signal: controller.signal,
      take: () => () => undefined,
      raise: () => undefined,
      stop: () => undefined,
    },
    end: (code) => {
      exitCode = code
    },
  })
  const ended = program.parseAsync(['workflow', ...args], { from: 'user' }).then(
    () => exitCode,
    (error: unknown) => error,
  )
  return {
    ended,
    interrupt: () => controller.abort(new CeleriacError('INTERRUPTED', { signal: 'SIGINT' })),
    written: () => written.join(''),
    /** The last frame, without times and columns. */
    screen: () =>
      (written.findLast((text) => text.includes('jobs succeeded')) ?? '')
        .split('\x1b[J')
        .slice(-1)
        .join('')
        .replace(TIMES, '')
        .split('\n')
        .map((line) => line.trimEnd().replace(/(\S) {2,}/g, '$1  '))
        .filter((line) => line !== ''),
  }
}

const TIMES = /\b\d+(\.\d+)?(ms|s)\b/g

async function begun(canvas: Canvas): Promise<void> {
  await canvas.end('a')
  await canvas.end('c')
  await canvas.end('d')
  await takes(database, String(canvas.ids.b))
}

describe('celeriac workflow', () => {
  test('is read once when piped, by the id of any of its jobs', async () => {
    const canvas = await aCanvas(database, NESTED)
    await begun(canvas)
    const { exitCode, stdout, stderr } = await run(String(canvas.ids.f))
    expect([exitCode, stderr]).toEqual([0, ''])
    const rows = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t'))
    expect(rows.map(([depth, id]) => `${depth} ${canvas.nameOf(id)}`).join()).toBe(
      '0 a,0 outer,1 b,1 c,1 inner,2 d,2 e,1 f,0 g',
    )
    const job = await cli(['job', String(canvas.ids.f)], { env: env() })
    expect(job.stdout).toContain(`\nworkflow\t${canvas.id}\n`)
    expect(rows[6]).toEqual(['2', canvas.ids.e, 'job', 'work', 'e', 'pending', canvas.ids.c, ''])
  })

  test('is one document with --json, and a picture with --dot', async () => {
    const canvas = await aCanvas(database, NESTED)
    const document = JSON.parse((await run(canvas.id, '--json')).stdout)
    expect(document).toMatchObject({ id: canvas.id, outputId: canvas.ids.g, nodes: expect.any(Array) })
    expect(document.nodes[0]).toMatchObject({ id: canvas.ids.a, kind: 'job', state: 'pending', depth: 0 })
    const { stdout } = await run(canvas.id, '--dot')
    expect(stdout).toMatch(/^digraph "a \| b .*\{\n {2}rankdir=LR\n/)
    for (const id of Object.values(canvas.ids)) expect(stdout).toContain(`"${id}" [label="`)
    expect(stdout).toContain(`"${canvas.ids.a}" -> "${canvas.ids.b}"`)
  })

  test('is followed to its end with --watch, and says by its exit code how that was', async () => {
    const [good, bad] = [
      await aCanvas(database, { a: {}, b: { after: ['a'] } }),
      await aCanvas(database, { a: {} }),
    ]
    const watching = startCli(['workflow', good.id, '--watch'], { env: env() })
    await good.end('a')
    await good.end('b')
    expect(await watching.ended).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('succeeded') })
    await bad.end('a', FAILS)
    const { exitCode, stdout } = await run(bad.id, '--watch')
    expect([exitCode, stdout.split('\t').at(-1)]).toEqual([1, 'Error: boom\n'])
  })

  test('is drawn on a terminal, and drawn again, until all has ended', async () => {
    const canvas = await aCanvas(database, NESTED)
    await begun(canvas)
    const shown = onTerminal([canvas.id])
    await until(() => shown.screen().length > 0, { what: 'the tree' })
    expect(shown.screen()).toEqual([
      'a | b | c | d | e | inner | f | outer | g',
      '3 of 7 jobs succeeded, 1 running, 1 pending, 2 waiting',
      '✓ work  succeeded',
      '▶ → group 0/2  running',
      '├─ ▶ work  running',
      '├─ ✓ work  succeeded',
      '├─ ▶ → group 1/2  running',
      '│  ├─ ✓ d: work  succeeded',
      '│  └─ ○ e: work  pending',
      '└─ · → work  waiting',
      '· → work  waiting',
    ])
    await database.query('update celeriac.jobs set worker_id = null where id = $1', [canvas.ids.b])
    await canvas.end('b')
    await canvas.end('e', FAILS)
    expect(await shown.ended).toBe(1)
    expect(shown.screen().slice(-4)).toEqual([
      '│  ├─ ✓ d: work  succeeded',
      '│  └─ ✗ e: work  failed  Error: boom',
      `└─ ✗ → work  failed  since job ${canvas.ids.inner} failed`,
      `✗ → work  failed  since job ${canvas.ids.outer} failed`,
    ])
    expect(shown.written().startsWith('\x1b[?25l')).toBe(true)
    expect(shown.written().endsWith('\x1b[?25h')).toBe(true)
  })

  test('fits the terminal: neighbours that look alike become one, and the rest is counted', async () => {
    const members = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`m${index}`, {}]))
    const steps = Object.fromEntries(
      Array.from({ length: 12 }, (_, index) => [
        `s${index}`,
        { after: [index === 0 ? 'all' : `s${index - 1}`] },
      ]),
    )
    const all: NodeSpec = { join: 'list', after: Object.keys(members), parent: null }
    const canvas = await aCanvas(database, { ...members, all, ...steps })
    for (const name of ['m0', 'm1', 'm20']) await canvas.end(name)
    await canvas.end('m5', FAILS)
    const shown = onTerminal([canvas.id], 8)
    await until(() => shown.screen().length > 0, { what: 'the tree' })
    expect(shown.screen().slice(2)).toEqual([
      '✗ group 3/40  failed  ChordError: a member of the group failed: boom',
      '├─ ✓ work × 2  succeeded',
      '├─ ○ work × 3  pending',
      '├─ ✗ work  failed  Error: boom',
      '… and 15 more',
    ])
    shown.interrupt()
    expect(await shown.ended).toMatchObject({ code: 'INTERRUPTED' })
    expect(shown.written().endsWith('\x1b[?25h')).toBe(true)
  })

  test('with --no-watch is drawn once, whole', async () => {
    const canvas = await aCanvas(database, NESTED)
    const shown = onTerminal([canvas.id, '--no-watch'], 4)
    expect(await shown.ended).toBe(0)
    expect(shown.written().split('\n')).toHaveLength(12)
  })

  test('says so when there is none, and leaves the terminal as it was', async () => {
    expect(await run(NOBODY)).toMatchObject({
      exitCode: 1,
      stdout: '',
      stderr: expect.stringMatching(/^error: no workflow 01939cb4.*\ntry: celeriac jobs, .*\n$/),
    })
    expect(await run('seven')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('is not a job id'),
    })
    const shown = onTerminal([NOBODY])
    expect(await shown.ended).toMatchObject({ code: 'WORKFLOW_UNKNOWN' })
    expect(shown.written()).toBe('')
  })
})
