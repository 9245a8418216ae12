import { readFileSync, readlinkSync } from 'node:fs'

/** A process told apart from a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks since boot at which it started; null where the system does not tell (outside Linux). */
  readonly startedTicks: string | null
  /** The pid namespace its number belongs to: two containers may share a folder, never their numbers. */
  readonly space: string
}

/** What became of a process: `foreign` when its number belongs to another pid namespace and says nothing here. */
export type ProcessFate = 'alive' | 'dead' | 'foreign'

/** This very process. */
export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, startedTicks: readStat(process.pid)?.startedTicks ?? null, space: pidSpace() }
}

/** Whether the process of an identity still runs. */
export function fateOf(identity: ProcessIdentity): ProcessFate {
  if (identity.space !== pidSpace()) return 'foreign'
  if (!isAlive(identity.pid)) return 'dead'
  const stat = readStat(identity.pid)
  const recycled =
    stat !== null && identity.startedTicks !== null && stat.startedTicks !== identity.startedTicks
  return recycled ? 'dead' : 'alive'
}

/** Whether a process with this number runs; a zombie does not, or a container without an init would keep it for ever. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
  return readStat(pid)?.state !== 'Z'
}

/** The fields of an identity out of parsed JSON, or null when it is something else. */
export function parseIdentity(text: string): ProcessIdentity | null {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return null
    if (!('pid' in value && 'startedTicks' in value && 'space' in value)) return null
    const { pid, startedTicks, space } = value
    if (typeof pid !== 'number' || typeof space !== 'string') return null
    return { pid, startedTicks: typeof startedTicks === 'string' ? startedTicks : null, space }
  } catch {
    return null
  }
}

/** The `code` of a system error, or undefined. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

function pidSpace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return 'host'
  }
}

function readStat(pid: number): { readonly state: string; readonly startedTicks: string } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The command in parentheses may hold spaces and parentheses itself; the fields begin after the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0] ?? '', startedTicks: fields[19] ?? '' }
  } catch {
    return null
  }
}
