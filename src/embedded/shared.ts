import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type pg from 'pg'
import { CeleriacError } from '../base/errors.ts'
import { EMBEDDED_VERSIONS, type EmbeddedVersion, findBinaries } from './binaries.ts'
import { createCluster, isCreated, startCluster, stopServer } from './cluster.ts'
import { countOthers, ensureDatabase, readPassword, urlOf, withConnection } from './connection.ts'
import { withLock } from './lock.ts'
import { makeProjectFolder, type Place, placeIn } from './place.ts'
import { awaitGone, awaitReady, findPostmaster, type Postmaster } from './postmaster.ts'
import { choosePrivileges } from './privileges.ts'
import { isAlive } from './process-identity.ts'
import type { EmbeddedPostgres, ResolvedOptions } from './types.ts'
import { addUser, countUsers, sweepUsers } from './users.ts'

/** How long a last one out waits for connections that are being closed. */
const CLOSING_MS = 500
/** A crash may leave much to recover. */
const READY_TIMEOUT_MS = 60_000

/** Starts the project's cluster, or adopts its running server. */
export async function startShared(options: ResolvedOptions): Promise<EmbeddedPostgres> {
  await makeProjectFolder(options.dir)
  const major =
    options.version ?? (await runningVersion(options.dir)) ?? (await findBinaries(undefined)).version
  const place = placeIn(join(options.dir, `pg${major}`))
  const { note, running } = await withLock(place.locks, async () => {
    const found = (await findRunning(place)) ?? (await start(place, major, options))
    await sweepUsers(place.users)
    // Still under the lock: a last one out must not stop what we are about to use.
    return {
      running: { ...found, ...(await enter(place, found, options.database)) },
      note: await addUser(place.users),
    }
  })
  let stopping: Promise<boolean> | undefined
  const stop = () => {
    stopping ??= leave(place, note)
    return stopping
  }
  return {
    url: running.url,
    dir: place.folder,
    version: running.version,
    adopted: running.adopted,
    createdMs: running.createdMs,
    startedMs: running.startedMs,
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  }
}

interface Running {
  readonly postmaster: Postmaster
  readonly adopted: boolean
  readonly createdMs: number
  readonly startedMs: number
}

async function runningVersion(dir: string): Promise<EmbeddedVersion | undefined> {
  for (const version of EMBEDDED_VERSIONS) {
    if ((await findPostmaster(placeIn(join(dir, `pg${version}`)).data)) !== null) return version
  }
  return undefined
}

async function findRunning({ data }: Place): Promise<Running | null> {
  const postmaster = await findPostmaster(data)
  if (postmaster === null) return null
  if (postmaster.status === 'stopping') {
    await awaitGone(postmaster.pid, READY_TIMEOUT_MS)
    return null
  }
  const ready = await awaitReady(data, () => !isAlive(postmaster.pid), READY_TIMEOUT_MS)
  return ready === null ? null : { postmaster: ready, adopted: true, createdMs: 0, startedMs: 0 }
}

async function start(place: Place, version: EmbeddedVersion, options: ResolvedOptions): Promise<Running> {
  const launch = {
    place,
    binaries: await findBinaries(version),
    privileges: await choosePrivileges(),
    ephemeral: false,
    settings: options.settings ?? {},
    port: options.port,
  }
  const begunAt = performance.now()
  const created = await isCreated(place)
  if (!created) await createCluster(launch)
  const createdAt = performance.now()
  const postmaster = await startCluster(launch)
  const startedMs = performance.now() - createdAt
  return { postmaster, adopted: false, createdMs: created ? 0 : createdAt - begunAt, startedMs }
}

async function enter(
  { folder, password }: Place,
  { postmaster }: Running,
  database: string,
): Promise<{ readonly url: string; readonly version: string }> {
  try {
    const secret = await readPassword(password)
    const version = await withConnection(urlOf(postmaster.port, secret, 'postgres'), async (client) => {
      await ensureDatabase(client, database)
      return serverVersion(client)
    })
    return { url: urlOf(postmaster.port, secret, database), version }
  } catch (cause) {
    const reason = `process ${postmaster.pid} runs on port ${postmaster.port} but lets us not in: ${String(cause)}`
    throw new CeleriacError('EMBEDDED_FAILED', { dir: folder, reason }, { cause })
  }
}

async function serverVersion(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ server_version: string }>('show server_version')
  return rows[0]?.server_version.split(' ')[0] ?? ''
}

async function leave(place: Place, note: string): Promise<boolean> {
  return withLock(place.locks, async () => {
    await rm(note, { force: true })
    if ((await countUsers(place.users)) > 0) return false
    const postmaster = await findPostmaster(place.data)
    if (postmaster === null) return true
    if (await isConnectedTo(place, postmaster)) return false
    await stopServer(place.data, postmaster.pid, 'fast')
    return true
  })
}

async function isConnectedTo({ password }: Place, { port }: Postmaster): Promise<boolean> {
  try {
    return await withConnection(urlOf(port, await readPassword(password), 'postgres'), async (client) => {
      const deadline = Date.now() + CLOSING_MS
      while ((await countOthers(client)) > 0) {
        if (Date.now() > deadline) return true
        await wait(20)
      }
      return false
    })
  } catch {
    // All connections taken, or a server in trouble: whoever is in there would lose what we cannot see.
    return true
  }
}
