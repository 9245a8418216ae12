import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { useDatabase } from '../support/postgres.ts'
import { type Ran, run } from '../support/run.ts'

const ROOT = join(import.meta.dirname, '../..')

/**
 * The package as users get it: built and packed from a copy, so that nobody's dist/ is touched, and installed into an
 * empty project whose path has a space. Its dependencies come from the registry, or from npm's cache.
 */
describe('the package', () => {
  const database = useDatabase({ migrate: false, name: 'package' })
  let folder = ''
  let files: string[] = []

  const copy = (): string => join(folder, 'copy')
  const project = (): string => join(folder, 'a new project')
  const inProject = (command: string, ...args: string[]): Promise<Ran> =>
    run(command, args, { cwd: project(), env: environment({ DATABASE_URL: database.url }) })
  const node = async (name: string, text: string): Promise<string> => {
    await writeFile(join(project(), name), text)
    const ran = await inProject(process.execPath, name)
    expect(ran, ran.stderr).toMatchObject({ code: 0 })
    return ran.stdout
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'celeriac package '))
    await copySources(copy())
    const packed = await run('npm', ['pack', '--pack-destination', '..'], { cwd: copy(), env: environment() })
    expect(packed, packed.stdout + packed.stderr).toMatchObject({ code: 0 })
    const tarball = `celeriac-${manifest.version}.tgz`
    const listed = await run('tar', ['-tzf', tarball], { cwd: folder })
    files = listed.stdout.split('\n').flatMap((line) => (line === '' ? [] : line.replace(/^package\//, '')))
    await mkdir(project())
    await writeFile(
      join(project(), 'package.json'),
      '{ "name": "a-new-project", "private": true, "type": "module" }',
    )
    const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
    const installed = await inProject('npm', 'install', ...flags, join('..', tarball))
    expect(installed, installed.stderr).toMatchObject({ code: 0 })
  }, 180_000)
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('guards its workers in a thread, and on the main loop where a bundler has left the thread out', async () => {
    const program = `
      import { Celeriac } from 'celeriac'
      const app = new Celeriac({ database: process.env.DATABASE_URL, log: 'silent', schema: 'guarded' })
      const inline = []
      app.on('guard:inline', ({ reason }) => inline.push(reason))
      await app.migrate()
      const add = app.task('add', (x, y) => x + y)
      await app.worker().start()
      console.log(JSON.stringify([await (await add.enqueue(2, 3)).result({ timeout: '10s' }), inline]))
      await app.stop()`
    expect(JSON.parse(await node('guarded.mjs', program))).toEqual([5, []])
    const thread = join(project(), 'node_modules/celeriac/dist/guard/thread.js')
    const text = await readFile(thread)
    await rm(thread)
    try {
      const without = JSON.parse(await node('guarded.mjs', program))
      expect(without).toEqual([5, [expect.stringContaining('keep the package "celeriac" external')]])
    } finally {
      await writeFile(thread, text)
    }
  })

  test('holds what users need', () => {
    const needed = ['index', 'embedded/index', 'cli/main', 'migrate/sql-source'].map(
      (name) => `dist/${name}.js`,
    )
    expect(files).toEqual(
      expect.arrayContaining([...needed, 'package.json', 'README.md', 'CHANGELOG.md', 'LICENSE']),
    )
    expect([...new Set(files.map((path) => path.split('/')[0]))].sort()).toEqual(
      ['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'package.json', 'sql'].sort(),
    )
  })

  test('has declarations and maps beside every module', () => {
    const modules = files.filter((path) => path.endsWith('.js')).map((path) => path.slice(0, -3))
    const lacking = modules.flatMap((path) =>
      [`${path}.d.ts`, `${path}.js.map`].filter((other) => !files.includes(other)),
    )
    expect(lacking.filter((path) => path !== 'dist/migrate/sql-source.js.map')).toEqual([])
    expect(files.filter((path) => /\.test\.|tsbuildinfo|(^|\/)(test|bench)\//.test(path))).toEqual([])
  })

  test('holds the texts of sql/', async () => {
    const module = await readFile(join(project(), 'node_modules/celeriac/dist/migrate/sql-source.js'), 'utf8')
    const names = (await readdir(join(ROOT, 'sql'), { recursive: true })).filter((path) =>
      path.endsWith('.sql'),
    )
    expect(module.match(/"text":/g)).toHaveLength(names.length)
    expect(module).toContain('create or replace function celeriac.work_cycle(')
    expect(module).not.toContain('node:fs')
  })

  test('is what publint wants', async () => {
    const ran = await run(join(ROOT, 'node_modules/.bin/publint'), ['--strict', '--pack', 'npm'], {
      cwd: copy(),
      env: environment({ npm_config_ignore_scripts: 'true' }),
    })
    expect(ran, ran.stdout).toMatchObject({ code: 0 })
  })

  test('installs, migrates from its own SQL, and gets 5', async () => {
    await rm(join(project(), 'node_modules/celeriac/sql'), { recursive: true, force: true })
    const program = `
      import { Celeriac } from 'celeriac'
      const app = new Celeriac({ database: process.env.DATABASE_URL, log: 'silent' })
      const add = app.task('add', (x, y) => x + y)
      await app.migrate()
      await app.worker().start()
      console.log(await (await add.enqueue(2, 3)).result({ timeout: '20s' }))
      await app.stop()
    `
    expect(await node('main.mjs', program)).toBe('5\n')
  })

  test('can be required', async () => {
    expect(await node('main.cjs', "console.log(typeof require('celeriac').Celeriac)")).toBe('function\n')
  })

  test.for([
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ] as const)('has types for modules of %s and resolution by %s', async ([module, moduleResolution]) => {
    await writeFile(
      join(project(), 'main.ts'),
      `
      import { Celeriac, type Duration, type JobHandle } from 'celeriac'
      import { startEmbedded } from 'celeriac/embedded'
      const app = new Celeriac({ database: 'embedded' })
      const add = app.task('add', (x: number, y: number) => x + y)
      const delay: Duration = '5m'
      const handle: JobHandle<number> = await add.with({ delay }).enqueue(2, 3)
      const value: number = await handle.result({ timeout: '10s' })
      // @ts-expect-error the args are typed
      await add.enqueue('2', 3)
      // @ts-expect-error so is the result
      const text: string = await handle.result()
      // @ts-expect-error and a duration
      add.with({ delay: '5 minutes' })
      // @ts-expect-error and where the database is
      new Celeriac({ database: 5432 })
      export { startEmbedded, text, value }
      `,
    )
    const options = {
      module,
      moduleResolution,
      target: 'es2023',
      lib: ['es2023', 'esnext.disposable'],
      strict: true,
    }
    await writeFile(
      join(project(), 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: { ...options, exactOptionalPropertyTypes: true, noEmit: true },
        files: ['main.ts'],
      }),
    )
    const ran = await inProject(join(ROOT, 'node_modules/.bin/tsc'), '-p', '.')
    expect(ran, ran.stdout).toMatchObject({ code: 0 })
  })

  test('has a command', async () => {
    expect(await inProject('npx', '--no-install', 'celeriac', '--version')).toMatchObject({
      code: 0,
      stdout: `${manifest.version}\n`,
    })
  })

  test('loads for a producer only what a producer needs', async () => {
    const program = `
      import { registerHooks } from 'node:module'
      const loaded = []
      registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
      const { Celeriac } = await import('celeriac')
      const app = new Celeriac({ database: 'postgresql://127.0.0.1:1/none' })
      app.declare('add')
      console.log(JSON.stringify(loaded))
    `
    const loaded: string[] = JSON.parse(await node('loaded.mjs', program))
    const rooms = loaded.flatMap((url) => /\/celeriac\/dist\/(\w+)\//.exec(url)?.[1] ?? [])
    expect(rooms).toContain('job')
    expect(rooms.filter((room) => ['cli', 'embedded', 'dashboard', 'testing'].includes(room))).toEqual([])
    const packages = loaded.flatMap((url) => /\/node_modules\/((?:@[\w-]+\/)?[\w-]+)\//.exec(url)?.[1] ?? [])
    expect(packages.filter((name) => ['commander', 'jiti', 'kysely', 'pino'].includes(name))).toEqual([])
  })
})

/** What the build reads, and the tools it uses. */
async function copySources(to: string): Promise<void> {
  const names = [
    'src',
    'sql',
    'package.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'README.md',
    'CHANGELOG.md',
    'LICENSE',
  ]
  await mkdir(to)
  for (const name of names) await cp(join(ROOT, name), join(to, name), { recursive: true })
  await symlink(join(ROOT, 'node_modules'), join(to, 'node_modules'), 'junction')
}

/** The environment of somebody who types in a shell of their own: nothing of the npm and the vitest that run this. */
function environment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) =>
      !/^(npm_(package|lifecycle|command|execpath|node_execpath|config_local_prefix)|INIT_CWD|VITEST|NODE_(ENV|OPTIONS|V8_COVERAGE))/.test(
        name,
      ),
  )
  const env: NodeJS.ProcessEnv = Object.fromEntries(inherited)
  return { ...env, PATH: `${dirname(process.execPath)}:${env.PATH ?? ''}`, ...more }
}
