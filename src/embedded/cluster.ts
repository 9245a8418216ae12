import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { chown, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { CeleriacError } from '../base/errors.ts'
import type { Binaries } from './binaries.ts'
import { SUPERUSER } from './connection.ts'
import { linkLibraries } from './links.ts'
import type { Place } from './place.ts'
import { awaitGone, awaitReady, findPostmaster, type Postmaster, removeStalePid } from './postmaster.ts'
import { assertReachable, giveTo, letThrough, type Privileges, runAs } from './privileges.ts'
import { isAlive } from './process-identity.ts'

/** What starting a cluster needs to know. */
export interface Launch {
  readonly place: Place
  readonly binaries: Binaries
  readonly privileges: Privileges
  /** Given up data: no sync to disk at any time. */
  readonly ephemeral: boolean
  readonly settings: Readonly<Record<string, string>>
  /** Asked for by the user; otherwise the one of last time, or a free one. */
  readonly port: number | undefined
}

const START_TIMEOUT_MS = 60_000
const PORT_TRIES = 5
/** How long the sessions of a killed server may take to notice. */
const ORPHANS_MS = 10_000
const UNFINISHED = 'data.unfinished-'
const LOG_LIMIT_BYTES = 10_000_000
const LOG_LINES_SHOWN = 15

/** Whether the data directory is whole. */
export async function isCreated(place: Place): Promise<boolean> {
  return exists(join(place.data, 'PG_VERSION'))
}

/**
 * Makes the data directory with a password of its own.
 *
 * @throws {CeleriacError} `EMBEDDED_FAILED` with what initdb printed.
 */
export async function createCluster(launch: Launch): Promise<void> {
  const { place, privileges, binaries } = launch
  const password = randomBytes(24).toString('hex')
  const passwordForInitdb = join(place.folder, 'password.initdb')
  await mkdir(place.folder, { recursive: true })
  await letThrough(privileges, place.folder)
  await assertReachable(privileges, place.data)
  await assertReachable(privileges, binaries.initdb)
  await removeUnfinished(place)
  // Never in place: an initdb whose starter was killed goes on, and must meet nobody else's.
  const unfinished = await mkdtemp(join(place.folder, UNFINISHED))
  await giveTo(privileges, unfinished)
  await writeSecret(passwordForInitdb, password)
  if (privileges.kind === 'user') await chown(passwordForInitdb, privileges.uid, privileges.gid)
  try {
    await initdb(launch, unfinished, passwordForInitdb)
  } finally {
    await rm(passwordForInitdb, { force: true })
  }
  // The password goes first: a data directory without one could never be entered.
  await writeSecret(place.password, password)
  await rename(unfinished, place.data)
  await writeFile(join(place.folder, 'version'), `${binaries.fullVersion}\n`)
}

/**
 * Starts the server and waits until it takes connections. It is detached: it outlives this process.
 *
 * @throws {CeleriacError} `EMBEDDED_FAILED` with the last lines of its log.
 */
export async function startCluster(launch: Launch): Promise<Postmaster> {
  const { place } = launch
  await letThrough(launch.privileges, place.folder)
  await giveTo(launch.privileges, place.data)
  await removeStalePid(place.data)
  await limitLog(place.log)
  const deadline = Date.now() + ORPHANS_MS
  for (let attempt = 1; ; attempt += 1) {
    const port =
      launch.port ?? (attempt === 1 ? await rememberedPort(place) : undefined) ?? (await freePort())
    const begun = await fileSize(place.log)
    const outcome = await spawnServer(launch, port)
    // A starter that was killed in between may have been faster: its server is as good as ours.
    const server = outcome.kind === 'ready' ? outcome.postmaster : await findReady(place.data)
    if (server !== null) {
      await writeFile(place.port, `${server.port}\n`)
      return server
    }
    const lines = await logSince(place.log, begun)
    if (isPortTaken(lines) && launch.port === undefined && attempt < PORT_TRIES) continue
    if (hasOrphans(lines) && Date.now() < deadline) {
      await wait(50)
      continue
    }
    const reason = outcome.kind === 'failed' ? outcome.reason : ''
    throw new CeleriacError('EMBEDDED_FAILED', { dir: place.folder, reason: [reason, ...lines].join('\n  ') })
  }
}

async function findReady(data: string): Promise<Postmaster | null> {
  const other = await findPostmaster(data)
  return other === null ? null : awaitReady(data, () => !isAlive(other.pid), START_TIMEOUT_MS)
}

async function removeUnfinished({ folder }: Place): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith(UNFINISHED)) {
      await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined)
    }
  }
}

/** Stops a server: `fast` ends its sessions and writes everything out, `immediate` throws the data away. */
export async function stopServer(
  data: string,
  pid: number,
  manner: 'fast' | 'immediate',
  pgCtl?: string,
): Promise<void> {
  if (process.platform === 'win32' && pgCtl !== undefined) {
    await runProgram({ kind: 'own' }, pgCtl, ['stop', '-D', data, '-m', manner, '-w'], process.env)
    return
  }
  signal(pid, manner === 'fast' ? 'SIGINT' : 'SIGQUIT')
  if (await awaitGone(pid, 30_000)) return
  signal(pid, manner === 'fast' ? 'SIGQUIT' : 'SIGKILL')
  if (await awaitGone(pid, 10_000)) return
  throw new CeleriacError('EMBEDDED_FAILED', { dir: data, reason: `process ${pid} does not end` })
}

async function initdb(launch: Launch, data: string, passwordFile: string): Promise<void> {
  const { binaries, place, privileges } = launch
  const locale =
    binaries.version >= 17
      ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C']
      : [process.platform === 'linux' ? '--locale=C.UTF-8' : '--locale=C']
  const args = [
    ...['-D', data, '-U', SUPERUSER, '-E', 'UTF8', ...locale],
    ...['--auth=scram-sha-256', '--pwfile', passwordFile, '--no-instructions'],
    ...(launch.ephemeral ? ['--no-sync'] : []),
  ]
  const ended = await runProgram(privileges, binaries.initdb, args, await environment(launch))
  if (ended.code === 0) return
  throw new CeleriacError('EMBEDDED_FAILED', {
    dir: place.folder,
    reason: [`initdb ended with ${ended.code}`, ...lastLines(ended.output)].join('\n  '),
  })
}

type Spawned =
  | { readonly kind: 'ready'; readonly postmaster: Postmaster }
  | { readonly kind: 'failed'; readonly reason: string }

async function spawnServer(launch: Launch, port: number): Promise<Spawned> {
  const { place, binaries, privileges } = launch
  const settings = { ...settingsOf(launch), port: String(port) }
  const args = [
    '-D',
    place.data,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]
  const env = await environment(launch)
  if (process.platform === 'win32') return startThroughPgCtl(launch, args.slice(2), env)
  const log = openSync(place.log, 'a', 0o600)
  let ended: string | null = null
  try {
    const { command, args: line, options } = runAs(privileges, binaries.postgres, args)
    const child = spawn(command, line, {
      ...options,
      env,
      cwd: '/',
      detached: true,
      stdio: ['ignore', log, log],
    })
    child.once('error', (error) => {
      ended = error.message
    })
    child.once('exit', (code, signalName) => {
      ended = `postgres ended with ${signalName ?? code}`
    })
    child.unref()
    const postmaster = await awaitReady(place.data, () => ended !== null, START_TIMEOUT_MS)
    if (postmaster !== null) return { kind: 'ready', postmaster }
    if (ended === null && child.pid !== undefined) signal(child.pid, 'SIGQUIT')
    return { kind: 'failed', reason: ended ?? `not ready after ${START_TIMEOUT_MS / 1000} s` }
  } finally {
    closeSync(log)
  }
}

/** On Windows `postgres.exe` refuses administrators; pg_ctl drops their rights. */
async function startThroughPgCtl(
  { place, binaries }: Launch,
  settings: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Spawned> {
  const options = settings.map((word) => (word === '-c' ? word : `"${word}"`)).join(' ')
  const args = ['start', '-D', place.data, '-l', place.log, '-w', '-o', options]
  const ended = await runProgram({ kind: 'own' }, binaries.pgCtl, args, env)
  const postmaster = ended.code === 0 ? await findPostmaster(place.data) : null
  return postmaster === null
    ? { kind: 'failed', reason: `pg_ctl ended with ${ended.code}` }
    : { kind: 'ready', postmaster }
}

function settingsOf(launch: Launch): Record<string, string> {
  const careless = {
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    max_connections: '200',
  }
  return {
    listen_addresses: '127.0.0.1',
    // A path to a socket is limited to 107 bytes, and projects lie deep.
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...(launch.ephemeral ? careless : {}),
    ...launch.settings,
  }
}

async function environment({ binaries, place }: Launch): Promise<NodeJS.ProcessEnv> {
  const env: NodeJS.ProcessEnv = {}
  // PGDATA, PGPORT and the like of the user's shell are meant for another server.
  for (const [name, value] of Object.entries(process.env)) if (!name.startsWith('PG')) env[name] = value
  env.LC_ALL = 'C'
  const libraries = await linkLibraries(binaries, place.links)
  if (libraries !== null) {
    const name = process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH'
    env[name] = [libraries, process.env[name]].filter((path) => path !== undefined && path !== '').join(':')
  }
  return env
}

async function runProgram(
  privileges: Privileges,
  program: string,
  words: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ readonly code: number | string; readonly output: string }> {
  const { command, args, options } = runAs(privileges, program, words)
  const cwd = process.platform === 'win32' ? undefined : '/'
  return new Promise((resolve) => {
    const child = spawn(command, args, { ...options, env, cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const gather = (chunk: Buffer) => {
      output += chunk.toString()
    }
    child.stdout?.on('data', gather)
    child.stderr?.on('data', gather)
    child.once('error', (error) => resolve({ code: error.message, output }))
    // `exit`, not `close`: a server started by pg_ctl keeps the pipes open.
    child.once('exit', (code, signalName) => resolve({ code: code ?? signalName ?? 'nothing', output }))
  })
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // Gone already, which is what we want.
  }
}

async function rememberedPort(place: Place): Promise<number | undefined> {
  const port = Number(await readFile(place.port, 'utf8').catch(() => ''))
  if (!Number.isInteger(port) || port < 1024) return undefined
  return (await canListen(port)) ? port : undefined
}

async function freePort(): Promise<number> {
  return (await listenOnce(0)) ?? 5432
}

async function canListen(port: number): Promise<boolean> {
  return (await listenOnce(port)) !== null
}

/** postgres cannot be told to take any free port, so we take one and let it go again. */
function listenOnce(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(null))
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : null))
    })
  })
}

function isPortTaken(lines: readonly string[]): boolean {
  return lines.some((line) =>
    /could not bind|could not create any TCP\/IP sockets|Address already in use/.test(line),
  )
}

/** Sessions of a server that was killed hold its shared memory until they notice. */
function hasOrphans(lines: readonly string[]): boolean {
  return lines.some((line) => /shared memory block .* is still in use/.test(line))
}

async function limitLog(path: string): Promise<void> {
  if ((await fileSize(path)) > LOG_LIMIT_BYTES) await rename(path, `${path}.old`)
}

async function logSince(path: string, offset: number): Promise<string[]> {
  const log = await readFile(path).catch(() => Buffer.alloc(0))
  return lastLines(log.subarray(offset).toString())
}

function lastLines(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-LOG_LINES_SHOWN)
}

async function writeSecret(path: string, text: string): Promise<void> {
  await rm(path, { force: true })
  await writeFile(path, text, { mode: 0o600 })
}

async function fileSize(path: string): Promise<number> {
  return stat(path).then(
    (info) => info.size,
    () => 0,
  )
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
