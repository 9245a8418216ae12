import { CeleriacError } from '../base/errors.ts'
import type { DatabaseInput } from '../db/connection.ts'

/** The database a command works on. */
export interface Target {
  readonly input: DatabaseInput
  /** Lets go of it, where the command has started it. */
  readonly release: () => Promise<void>
}

/** What decides which one. */
export interface TargetChoice {
  readonly flag: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  /** Told when the embedded server is used. */
  readonly note: (text: string) => void
}

/**
 * Finds the database: `--database`, CELERIAC_DATABASE_URL, DATABASE_URL, the variables of libpq, else the embedded one.
 *
 * @throws {CeleriacError} `DATABASE_UNSET` where only the embedded one is left and NODE_ENV is production,
 * `CLI_USAGE` for a URL that is none
 */
export async function findTarget({ flag, env, note }: TargetChoice): Promise<Target> {
  for (const [source, url] of [
    ['--database', flag],
    ['CELERIAC_DATABASE_URL', env.CELERIAC_DATABASE_URL],
    ['DATABASE_URL', env.DATABASE_URL],
  ] as const) {
    if (url === undefined || (url === '' && source !== '--database')) continue
    if (url === 'embedded') break
    return { input: checkedUrl(url, source), release: async () => undefined }
  }
  const set = (name: string): boolean => env[name] !== undefined && env[name] !== ''
  // The driver reads them itself.
  if (flag !== 'embedded' && (set('PGHOST') || set('PGDATABASE')))
    return { input: {}, release: async () => undefined }
  return startOwn(flag, env, note)
}

function checkedUrl(url: string, source: string): string {
  if (/^postgres(ql)?:\/\//.test(url) && URL.canParse(url.replace(/^(\w+):\/\/\//, '$1://localhost/')))
    return url
  const got = /^[\w+.-]+:\/\//.exec(url)?.[0] ?? (url === '' ? 'nothing' : 'something else')
  const problem = `${source} must be a URL like postgresql://user@host:5432/database; got ${got}`
  throw new CeleriacError('CLI_USAGE', { problem })
}

async function startOwn(
  flag: string | undefined,
  env: TargetChoice['env'],
  note: TargetChoice['note'],
): Promise<Target> {
  if (env.NODE_ENV === 'production' && flag !== 'embedded') throw new CeleriacError('DATABASE_UNSET', {})
  const { startEmbedded } = await import('../embedded/index.ts')
  const server = await startEmbedded()
  const how = server.adopted ? 'running already' : `started in ${(server.startedMs / 1000).toFixed(1)} s`
  note(`no database is set: using embedded PostgreSQL ${server.version} in ${server.dir} (${how})`)
  return { input: server.url, release: async () => void (await server.stop()) }
}
