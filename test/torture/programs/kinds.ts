import type { TaskOptions } from '../../../src/index.ts'
import type { Random } from '../random.ts'
import { LIMITED_OPTIONS, type LimitedKind } from './limited.ts'

/** Kinds of jobs by weight, and canvases among them. */
export type Mix = Readonly<Partial<Record<Kind | 'canvas', number>>>
export type Kind =
  | 'short'
  | 'medium'
  | 'long'
  | 'fail-once'
  | 'fail-always'
  | 'block'
  | 'never'
  | 'suicide'
  | 'poison'
  | 'odd'
  | 'effect'
  | 'outside'
  | LimitedKind

/** Options of a kind; a producer stores them with the job. */
export interface KindOptions
  extends Pick<
    TaskOptions<[mark: string, parameter: number, secret: string]>,
    'concurrency' | 'rateLimit' | 'limits' | 'fairness'
  > {
  readonly maxAttempts?: number
  readonly timeLimit?: number
}

export const NEVER_LIMIT_MS = 1_000

/** Quick, so that a run need not wait long for its retries. */
export const BACKOFF = ['200ms', '500ms', '1s'] as const

export const KIND_OPTIONS: Readonly<Record<Kind, KindOptions>> = {
  short: {},
  medium: {},
  long: {},
  'fail-once': {},
  'fail-always': { maxAttempts: 3 },
  block: {},
  never: { maxAttempts: 2, timeLimit: NEVER_LIMIT_MS },
  suicide: {},
  poison: {},
  odd: { maxAttempts: 2 },
  effect: {},
  outside: {},
  ...LIMITED_OPTIONS,
}

/** Of nodes of canvases and their error callbacks. */
export const NODE_OPTIONS = { maxAttempts: 3, backoff: [...BACKOFF] } as const

/** A parameter of a job: ms to take, or which way to go. */
export function parameterOf(kind: Kind, random: Random): number {
  switch (kind) {
    case 'short':
    case 'effect':
    case 'outside':
      return random.integer(1, 20)
    case 'medium':
      return 200
    case 'long':
      return random.integer(2_000, 8_000)
    case 'block':
      return random.chance(0.9) ? random.integer(100, 1_000) : random.integer(1_000, 8_000)
    case 'fail-once':
    case 'fail-always':
    case 'never':
    case 'limited-one':
    case 'limited-rate':
    case 'limited-burst':
      return random.integer(1, 50)
    case 'limited-five':
      return random.integer(20, 250)
    case 'suicide':
    case 'poison':
    case 'odd':
      return random.integer(0, 1_000)
  }
}
