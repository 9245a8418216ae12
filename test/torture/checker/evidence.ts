import type { Dump, Leftovers } from '../driver/tables.ts'
import type { Entry } from '../history/entries.ts'
import type { Bounds } from './bounds.ts'
import type { Timeline } from './timeline.ts'

/** What a process printed. */
export interface Printed {
  readonly by: string
  readonly stream: 'out' | 'err' | 'log'
  readonly text: string
}

/** All that a run leaves for the checker. */
export interface Evidence {
  readonly entries: readonly Entry[]
  readonly dump: Dump
  readonly leftovers: Leftovers
  readonly printed: readonly Printed[]
  /** What nobody may print. */
  readonly secrets: readonly string[]
  /** Whether everything due was worked off in the end. */
  readonly drained: boolean
}

export type Invariant =
  | 'I1'
  | 'I2'
  | 'I3'
  | 'I4'
  | 'I5'
  | 'I6'
  | 'I7'
  | 'I8'
  | 'I9'
  | 'I10'
  | 'I11'
  | 'I12'
  | 'I13'
  | 'I15'

/** One thing that must not be. */
export interface Violation {
  readonly invariant: Invariant
  /** A word to count by: `lost`, `overlap`, `false rescue`. */
  readonly kind: string
  readonly what: string
}

/** One invariant: what violates it, and what it measured on the way. */
export type Check = (evidence: Evidence, timeline: Timeline, bounds: Bounds) => readonly Violation[]
