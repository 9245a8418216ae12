import { randomUUID } from 'node:crypto'
import { lstat, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stopServer } from './cluster.ts'
import { placeIn } from './place.ts'
import { findPostmaster } from './postmaster.ts'
import { fateOf, ownIdentity, parseIdentity } from './process-identity.ts'

const PREFIX = 'celeriac-pg-'
/** A folder that tells no owner of this machine is somebody's until it is this old. */
const UNKNOWN_OWNER_MS = 24 * 3_600_000

/** Makes the folder of an ephemeral cluster below `base`, with a note of its owner: this process. */
export async function makeEphemeralFolder(base: string): Promise<string> {
  const folder = await mkdtemp(join(base, PREFIX))
  await writeFile(ownerFile(folder), JSON.stringify(ownIdentity()))
  return folder
}

/** Stops and removes the ephemeral clusters below `base` whose owner is dead; never fails. */
export async function sweepEphemeral(base: string): Promise<void> {
  const names = await readdir(base).catch(() => [])
  const folders = names.filter((name) => name.startsWith(PREFIX)).map((name) => join(base, name))
  for (const folder of folders) {
    if (await isAbandoned(folder)) await sweep(folder).catch(() => undefined)
  }
}

async function sweep(folder: string): Promise<void> {
  // Asked before the renaming: outside Linux a server is known by the path it was started with.
  const postmaster = await findPostmaster(placeIn(folder).data)
  // Renaming claims it: of two sweepers one finds nothing left to rename.
  const claimed = `${folder.slice(0, folder.lastIndexOf(PREFIX))}${PREFIX}swept-${randomUUID()}`
  await rename(folder, claimed)
  if (postmaster !== null) await stopServer(placeIn(claimed).data, postmaster.pid, 'immediate')
  await rm(claimed, { recursive: true, force: true, maxRetries: 5 })
}

async function isAbandoned(folder: string): Promise<boolean> {
  try {
    const info = await lstat(folder)
    // The folder for temporary files belongs to everybody: what another user named like ours is not ours.
    if (!info.isDirectory() || (process.getuid !== undefined && info.uid !== process.getuid())) return false
    const owner = parseIdentity(await readFile(ownerFile(folder), 'utf8').catch(() => ''))
    const fate = owner === null ? 'foreign' : fateOf(owner)
    return fate === 'foreign' ? Date.now() - info.mtimeMs > UNKNOWN_OWNER_MS : fate === 'dead'
  } catch {
    return false
  }
}

function ownerFile(folder: string): string {
  return join(folder, 'owner')
}
