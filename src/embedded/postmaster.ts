import { execFileSync } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { isAlive } from './process-identity.ts'

/** What a running server says about itself in `postmaster.pid`. */
export interface Postmaster {
  readonly pid: number
  readonly port: number
  /** `ready` once it takes connections; `starting`, `stopping` around that. */
  readonly status: string
}

/** Reads the text of a `postmaster.pid`; null when it is not one (yet). */
export function parsePostmasterPid(text: string): Postmaster | null {
  const lines = text.split('\n').map((line) => line.trim())
  const [pid, port, status] = [Number(lines[0]), Number(lines[3]), lines[7] ?? '']
  if (!Number.isInteger(pid) || pid <= 0) return null
  return { pid, port: Number.isInteger(port) ? port : 0, status }
}

/** The living server of a data directory, or null. A file left behind by a dead server counts as nothing. */
export async function findPostmaster(data: string): Promise<Postmaster | null> {
  const postmaster = await readPostmaster(data)
  return postmaster !== null && isServerOf(postmaster.pid, data) ? postmaster : null
}

/**
 * Removes the `postmaster.pid` of a dead server. PostgreSQL does so itself, except when the number has gone to another
 * process (usual in containers, where pids are small): then it refuses to start.
 */
export async function removeStalePid(data: string): Promise<void> {
  if ((await findPostmaster(data)) === null) await rm(join(data, 'postmaster.pid'), { force: true })
}

/** Waits for the server of a data directory to be ready; null when it ended, or when `timeoutMs` have passed. */
export async function awaitReady(
  data: string,
  ended: () => boolean,
  timeoutMs: number,
): Promise<Postmaster | null> {
  const deadline = Date.now() + timeoutMs
  while (!ended() && Date.now() < deadline) {
    const postmaster = await readPostmaster(data)
    if (postmaster?.status === 'ready' && isServerOf(postmaster.pid, data)) return postmaster
    await wait(4)
  }
  return null
}

/** Waits until no process has this number any more; false when `timeoutMs` have passed. */
export async function awaitGone(pid: number, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs
  while (isAlive(pid)) {
    if (Date.now() > deadline) return false
    await wait(4)
  }
  return true
}

async function readPostmaster(data: string): Promise<Postmaster | null> {
  return parsePostmasterPid(await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => ''))
}

/** Numbers are used again, and other servers may run here: one that we signal must be the one of this directory. */
function isServerOf(pid: number, data: string): boolean {
  if (!isAlive(pid)) return false
  if (process.platform === 'win32') return true
  try {
    if (process.platform !== 'linux') {
      return execFileSync('ps', ['-p', String(pid), '-o', 'command='], { encoding: 'utf8' }).includes(data)
    }
    // The server goes into its data directory, and stays there when the folder is renamed.
    return readlinkSync(`/proc/${pid}/cwd`) === data
  } catch {
    return commandOf(pid).includes(data)
  }
}

function commandOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    return []
  }
}
