import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fateOf, ownIdentity, parseIdentity } from './process-identity.ts'

/** How long a user whose process cannot be asked (another container) counts. */
const FOREIGN_MS = 24 * 3_600_000

/** Notes that this process uses the cluster. @returns the path of the note, to be removed at the end */
export async function addUser(users: string): Promise<string> {
  await mkdir(users, { recursive: true })
  const path = join(users, `${process.pid}-${randomUUID().slice(0, 8)}`)
  await writeFile(path, JSON.stringify(ownIdentity()))
  return path
}

/** Removes the notes of processes that are dead. Call it under the lock. */
export async function sweepUsers(users: string): Promise<void> {
  await countUsers(users)
}

/** Counts the processes that use the cluster, and removes the notes of dead ones. Call it under the lock. */
export async function countUsers(users: string): Promise<number> {
  const names = await readdir(users).catch(() => [])
  const counts = await Promise.all(names.map((name) => isUsing(join(users, name))))
  return counts.filter(Boolean).length
}

async function isUsing(path: string): Promise<boolean> {
  const identity = parseIdentity(await readFile(path, 'utf8').catch(() => ''))
  const fate = identity === null ? 'dead' : fateOf(identity)
  if (fate === 'alive') return true
  const old = fate === 'dead' || Date.now() - (await stat(path)).mtimeMs > FOREIGN_MS
  if (old) await rm(path, { force: true })
  return !old
}
