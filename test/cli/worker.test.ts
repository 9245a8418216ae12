import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { cli, JOBS, type Running, startCli } from './run-cli.ts'

const database = useDatabase({ name: 'cli_worker' })
const env = () => ({ DATABASE_URL: database.url })

async function startWorker(...flags: string[]): Promise<Running> {
  const worker = startCli(['worker', '--app', JOBS, ...flags], { env: env() })
  await until(() => worker.stderr().includes('ready'), { what: 'the banner' })
  return worker
}

/** Enqueues a job and waits until its handler has begun. */
async function begun(task: string, arg: string): Promise<string> {
  const id = (await cli(['enqueue', task, arg, '--max-attempts', '1'], { env: env() })).stdout.trim()
  await until(
    async () =>
      (await database.query('select from celeriac.jobs where id = $1 and progress is not null', [id])).length,
  )
  return id
}

const stateOf = async (id: string): Promise<unknown> =>
  JSON.parse((await cli(['job', id, '--json'], { env: env() })).stdout)

describe('a worker that is told to stop', () => {
  test('lets running jobs end, and exits with 0', async () => {
    const worker = await startWorker()
    const gate = (await cli(['enqueue', 'gate', '--queue', 'gates'], { env: env() })).stdout.trim()
    const id = await begun('until-released', JSON.stringify(gate))
    worker.child.kill('SIGTERM')
    await until(() => worker.stderr().includes('stopping: 1 job still running'), { what: 'the stop' })
    await cli(['cancel', gate], { env: env() })
    expect(await worker.ended).toMatchObject({ exitCode: 0, signal: null })
    expect(worker.stderr()).toMatch(/\nstopped\n$/)
    expect(await stateOf(id)).toMatchObject({ state: 'succeeded', value: 'released' })
  })

  test('aborts them at the second signal, gives them back and exits with 1', async () => {
    const worker = await startWorker()
    const id = await begun('endless', 'false')
    worker.child.kill('SIGINT')
    await until(() => worker.stderr().includes('stopping'), { what: 'the stop' })
    worker.child.kill('SIGINT')
    expect(await worker.ended).toMatchObject({ exitCode: 1, signal: null })
    expect(worker.stderr()).toContain('stopped; 1 job given back while running')
    expect(await stateOf(id)).toMatchObject({ state: 'pending', worker_id: null })
    await cli(['cancel', id], { env: env() })
  })

  test('does the same when the time to stop is over', async () => {
    const worker = await startWorker('--stop-timeout', '50ms')
    const id = await begun('endless', 'false')
    worker.child.kill('SIGTERM')
    expect(await worker.ended).toMatchObject({ exitCode: 1 })
    await cli(['cancel', id], { env: env() })
  })

  test('F-06 ends at once at the third signal', async () => {
    const worker = await startWorker()
    const id = await begun('endless', 'true')
    worker.child.kill('SIGTERM')
    await until(() => worker.stderr().includes('stopping'), { what: 'the stop' })
    worker.child.kill('SIGTERM')
    // Signals of one kind that are not yet delivered become one.
    await until(() => worker.stderr().includes('aborting'), { what: 'the second signal' })
    worker.child.kill('SIGTERM')
    expect(await worker.ended).toMatchObject({ exitCode: 143 })
    await database.query("update celeriac.workers set heartbeat_at = now() - interval '1 hour'")
    const doctor = await cli(['doctor', '--json'], { env: env() })
    expect(doctor.exitCode).toBe(1)
    const { ok, checks } = JSON.parse(doctor.stdout)
    expect(ok).toBe(false)
    expect(checks).toContainEqual({
      check: 'workers',
      status: 'wrong',
      message: expect.stringContaining('1 of 1 dead'),
      fix: 'start a worker: it takes over the jobs of the dead',
    })
    await database.query('delete from celeriac.workers')
    await database.query('delete from celeriac.jobs where id = $1', [id])
  })
})

describe('the file of an app', () => {
  let folder: string
  const source = new URL('../../src/index.ts', import.meta.url).href
  const head = `import { Celeriac } from '${source}'\nconst make = () => new Celeriac({ database: process.env.DATABASE_URL })\n`
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text)
    return join(folder, name)
  }
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'celeriac-app-'))
  })
  afterAll(() => rm(folder, { recursive: true }))
  const refused = async (path: string): Promise<string> => {
    const { exitCode, stderr } = await cli(['worker', '--app', path], { env: env(), cwd: folder })
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(/^error: .+\ntry: .+\n$/)
    return stderr
  }

  test('may export its app as default', async () => {
    const path = await file('default.mjs', `${head}const a = make()\na.task('t', () => 1)\nexport default a`)
    const worker = startCli(['worker', '--app', path], { env: env() })
    await until(() => worker.stderr().includes('tasks        t'), { what: 'the banner' })
    worker.child.kill('SIGTERM')
    expect(await worker.ended).toMatchObject({ exitCode: 0 })
  })

  test('may be TypeScript that Node does not strip: enums, imports without an ending, types without type', async () => {
    await file('kinds.ts', "export enum Kind { Plain = 'plain' }\nexport interface Named { name: string }\n")
    const text = `import { Kind, Named } from './kinds'\n${head}export const app = make()\napp.task(Kind.Plain, (n: Named) => n.name)\n`
    const path = await file('beyond.ts', text)
    const worker = startCli(['worker', '--app', path], { env: env() })
    await until(() => worker.stderr().includes('tasks        plain'), { what: 'the banner' })
    const done = await cli(['enqueue', 'plain', '{"name":"Ada"}', '--wait', '10s'], { env: env() })
    expect(done.stdout).toBe('"Ada"\n')
    worker.child.kill('SIGTERM')
    expect(await worker.ended).toMatchObject({ exitCode: 0 })
  })

  test('is refused when it is not there, exports no app, or registers no task', async () => {
    expect(await refused('nowhere.ts')).toContain('error: nowhere.ts does not exist')
    expect(await refused('.')).toContain('is not a file')
    await file('nothing.ts', 'export const other = 1')
    expect(await refused('nothing.ts')).toContain(
      'error: nothing.ts exports no app; export it as `app` or as default',
    )
    await file('idle.ts', `${head}export const app = make()`)
    expect(await refused('idle.ts')).toContain('error: idle.ts registers no task on its app')
  })

  test('is refused when it cannot be loaded, with what was thrown and where', async () => {
    await file(
      'throws.ts',
      "\nconst config: { port: number } = JSON.parse('null')\nexport const app = config.port\n",
    )
    expect(await refused('throws.ts')).toMatch(
      /throws\.ts cannot be loaded: TypeError: .*null.* \(throws\.ts:3:\d+\)/,
    )
    await file('lost.ts', "import './not-there.ts'\nexport const app = 1\n")
    expect(await refused('lost.ts')).toMatch(/lost\.ts cannot be loaded: .*not-there/)
    await file('broken.ts', 'export const = 1\n')
    expect(await refused('broken.ts')).toMatch(/broken\.ts cannot be loaded/)
  })
})
