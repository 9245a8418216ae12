import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { AnyEntry } from './entries.ts'

/** Now, in ms of the clock that all processes share. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000
}

/**
 * Writes the history of one process. Each line is with the operating system before the call returns, so that a kill
 * loses at most the line under way.
 */
export class HistoryWriter {
  readonly #file: number
  readonly #name: string

  constructor(folder: string, name: string) {
    mkdirSync(folder, { recursive: true })
    this.#file = openSync(join(folder, `${name}.jsonl`), 'a')
    this.#name = name
  }

  write(entry: AnyEntry, t: number = monotonicMs()): void {
    writeSync(this.#file, `${JSON.stringify({ t, p: this.#name, ...entry })}\n`)
  }

  close(): void {
    closeSync(this.#file)
  }
}
