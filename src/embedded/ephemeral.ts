import { rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { findBinaries } from './binaries.ts'
import { createCluster, type Launch, startCluster, stopServer } from './cluster.ts'
import { ensureDatabase, readPassword, urlOf, withConnection } from './connection.ts'
import { placeIn } from './place.ts'
import type { Postmaster } from './postmaster.ts'
import { choosePrivileges } from './privileges.ts'
import { isAlive } from './process-identity.ts'
import { makeEphemeralFolder, sweepEphemeral } from './sweep.ts'
import type { EmbeddedPostgres, ResolvedOptions } from './types.ts'

/** Starts a cluster that belongs to this process alone. */
export async function startEphemeral(options: ResolvedOptions): Promise<EmbeddedPostgres> {
  const binaries = await findBinaries(options.version)
  await sweepEphemeral(options.dir)
  const place = placeIn(await makeEphemeralFolder(options.dir))
  const launch: Launch = {
    place,
    binaries,
    privileges: await choosePrivileges(),
    ephemeral: true,
    settings: options.settings ?? {},
    port: options.port,
  }
  let server: Postmaster | null = null
  try {
    const begunAt = performance.now()
    await createCluster(launch)
    const createdAt = performance.now()
    server = await startCluster(launch)
    const startedAt = performance.now()
    const { pid, port } = server
    const forget = removeAtExit(place.folder, pid)
    const password = await readPassword(place.password)
    await withConnection(urlOf(port, password, 'postgres'), (client) =>
      ensureDatabase(client, options.database),
    )
    let stopping: Promise<boolean> | undefined
    const stop = () => {
      stopping ??= remove(place.folder, place.data, pid, binaries.pgCtl).finally(forget)
      return stopping
    }
    return {
      url: urlOf(port, password, options.database),
      dir: place.folder,
      version: binaries.fullVersion,
      adopted: false,
      createdMs: createdAt - begunAt,
      startedMs: startedAt - createdAt,
      stop,
      [Symbol.asyncDispose]: async () => void (await stop()),
    }
  } catch (error) {
    if (server === null) await rm(place.folder, { recursive: true, force: true })
    else await remove(place.folder, place.data, server.pid, binaries.pgCtl)
    throw error
  }
}

async function remove(folder: string, data: string, pid: number, pgCtl: string): Promise<boolean> {
  await stopServer(data, pid, 'immediate', pgCtl)
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  return true
}

/** Takes the server along when the process ends without having stopped it; a kill leaves it to the next sweep. */
function removeAtExit(folder: string, pid: number): () => void {
  const onExit = () => {
    try {
      process.kill(pid, 'SIGQUIT')
      // Nothing asynchronous runs any more at this point.
      const clock = new Int32Array(new SharedArrayBuffer(4))
      for (let waited = 0; isAlive(pid) && waited < 2_000; waited += 5) Atomics.wait(clock, 0, 0, 5)
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
    } catch {
      // The next ephemeral start sweeps what is left.
    }
  }
  process.once('exit', onExit)
  return () => void process.removeListener('exit', onExit)
}
