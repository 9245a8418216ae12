import type { Mix } from './kinds.ts'

/** Never to be seen in a log: every job carries it in its args and its value. */
export const CANARY = 'canary-4111-1111-1111-1111'

/** What the driver tells a program, as JSON in the environment. */
export interface ProgramSettings {
  readonly name: string
  readonly url: string
  /** Folder of the history. */
  readonly folder: string
  readonly seed: string
  readonly concurrency: number
  /** Jobs a second that a producer enqueues. */
  readonly rate: number
  readonly mix: Mix
  /** How many schedules workers declare. */
  readonly schedules: number
  /** What is broken on purpose in this program; see controls.ts. */
  readonly broken: Broken | null
}

/** Ways to break a program rather than the database. */
export type Broken = 'leaves-open' | 'speaks' | 'rejects' | 'effect-outside'

const VARIABLE = 'TORTURE_PROGRAM'

export function toEnvironment(settings: ProgramSettings): Record<string, string> {
  return { [VARIABLE]: JSON.stringify(settings) }
}

/** @throws {Error} outside of a run. */
export function readSettings(): ProgramSettings {
  const text = process.env[VARIABLE]
  if (text === undefined) throw new Error('this program is started by the torture driver')
  return JSON.parse(text) as ProgramSettings
}
