import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

/**
 * The last commit of the schema version before this one: workers of that build run on while a new one is rolled out.
 * Move it, and `version`, when `SCHEMA_VERSION` grows: to the last commit before that, or to the release's where there
 * was one. What that build needs and this one does not may go then, by a numbered migration.
 */
const OLD = { commit: '12155c9d86a8ad16d0b2b1bf1f251993df8e047b', version: 3 } as const

const ROOT = join(import.meta.dirname, '../..')
const PATHS = ['src', 'sql', 'package.json', 'test/support/worker-process.ts', 'test/support/gate.ts']

/** The build before this one, from the history of the repository. */
export interface OldBuild extends AsyncDisposable {
  /** Version of the schema it installs. */
  readonly version: number
  /** For `workerProcess`. */
  readonly program: string
  /** Installs its schema, or says why it does not. */
  migrate(url: string): Promise<void>
  /** Runs statements with `app`, one of its own; gives what they return. */
  run<Result>(url: string, statements: string): Promise<Result>
}

/** Why that build cannot be had here; null when it can. */
export function whyNoOldBuild(): string | null {
  const { error, status, stderr } = spawnSync('git', ['cat-file', '-e', `${OLD.commit}^{tree}`], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  if (error !== undefined) return `there is no git: ${error.message}`
  if (status === 0) return null
  return `commit ${OLD.commit.slice(0, 7)} is not in this repository's history (git fetch --unshallow gets it): ${stderr.trim()}`
}

/** Unpacks it into a folder that is gone when it is disposed of. Node strips no types below a `node_modules`. */
export async function unpackOldBuild(): Promise<OldBuild> {
  const folder = await mkdtemp(join(tmpdir(), 'celeriac-old-build-'))
  const archive = execFileSync('git', ['archive', OLD.commit, ...PATHS], { cwd: ROOT, maxBuffer: 2 ** 26 })
  execFileSync('tar', ['-x', '-C', folder], { input: archive })
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  const node = async (script: string): Promise<string> => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
    return stdout
  }
  const from = (path: string): string => JSON.stringify(pathToFileURL(join(folder, 'src', path)).href)
  return {
    version: OLD.version,
    program: join(folder, 'test/support/worker-process.ts'),
    migrate: async (url) => {
      await node(`
        import { migrate } from ${from('migrate/migrate.ts')}
        await migrate({ database: ${JSON.stringify(url)} })`)
    },
    run: async (url, statements) => {
      const printed = await node(`
        import { Celeriac } from ${from('index.ts')}
        const app = new Celeriac({ database: ${JSON.stringify(url)}, log: 'silent' })
        const run = async () => { ${statements} }
        process.stdout.write(JSON.stringify((await run()) ?? null))
        await app.stop()`)
      return JSON.parse(printed)
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}
