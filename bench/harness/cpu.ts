import { readdirSync, readFileSync } from 'node:fs'

const TICKS_PER_SECOND = 100

interface ProcessTimes {
  readonly parent: number
  readonly ownTicks: number
  readonly reapedTicks: number
}

/** CPU seconds of one process, all its threads, so far; 0 when it is gone. */
export function processCpuSeconds(pid: number): number {
  return (readTimes(pid)?.ownTicks ?? 0) / TICKS_PER_SECOND
}

/**
 * CPU seconds of a server so far: the process itself, every process it has now and every one it has already
 * buried. It never shrinks, so two readings subtract, whichever backends came and went between them.
 */
export function serverCpuSeconds(pid: number): number {
  const times = allTimes()
  let ticks = 0
  for (const [id, time] of times) {
    if (descends(times, id, pid)) ticks += time.ownTicks + time.reapedTicks
  }
  return ticks / TICKS_PER_SECOND
}

/** Resident memory of a process in bytes. */
export function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(line?.[1] ?? Number.NaN) * 1024
}

/** The parent of a process, 0 when it is gone. */
export function parentOf(pid: number): number {
  return readTimes(pid)?.parent ?? 0
}

function allTimes(): Map<number, ProcessTimes> {
  const times = new Map<number, ProcessTimes>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const time = readTimes(Number(name))
    if (time) times.set(Number(name), time)
  }
  return times
}

function descends(times: Map<number, ProcessTimes>, from: number, root: number): boolean {
  for (let id = from; id > 1; id = times.get(id)?.parent ?? 0) if (id === root) return true
  return false
}

function readTimes(pid: number): ProcessTimes | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return undefined
  }
  // The command stands in parentheses and may itself hold spaces: fields are counted after the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const at = (index: number) => Number(fields[index] ?? 0)
  return { parent: at(1), ownTicks: at(11) + at(12), reapedTicks: at(13) + at(14) }
}
