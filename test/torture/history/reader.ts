import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Entry } from './entries.ts'

/** Reads the histories of all processes of a run, in the order of their clock. */
export function readHistory(folder: string): Entry[] {
  const entries: Entry[] = []
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.jsonl'))) {
    for (const entry of parseHistory(readFileSync(join(folder, name), 'utf8'), name)) entries.push(entry)
  }
  return entries.sort((one, other) => one.t - other.t)
}

/**
 * Reads the history of one process. The last line may be torn, by a kill; no other may.
 *
 * @throws {Error} naming the line that is no entry.
 */
export function parseHistory(text: string, name: string): Entry[] {
  const lines = text.split('\n')
  const torn = lines.pop() ?? ''
  const entries = lines.map((line, index) => {
    const entry = parseLine(line)
    if (entry === null) throw new Error(`${name}:${index + 1} is no entry of a history: ${line.slice(0, 80)}`)
    return entry
  })
  const last = torn === '' ? null : parseLine(torn)
  return last === null ? entries : [...entries, last]
}

function parseLine(line: string): Entry | null {
  try {
    const parsed: unknown = JSON.parse(line)
    const whole = typeof parsed === 'object' && parsed !== null && 't' in parsed && 'e' in parsed
    return whole ? (parsed as Entry) : null
  } catch {
    return null
  }
}
