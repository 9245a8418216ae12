import type { TaskOptions } from '../../../src/index.ts'

/*
 * Tasks that are limited in every way there is: one and several at a time for each key, a rate for all, bursts for each
 * key, and one limit that two of them share. The checker works out for itself which limits a job has to pass.
 */

export type LimitedKind = 'limited-one' | 'limited-five' | 'limited-rate' | 'limited-burst'

type Options = Pick<
  TaskOptions<[mark: string, parameter: number, secret: string]>,
  'concurrency' | 'rateLimit' | 'limits' | 'fairness'
>

/** What one key of a limit allows. */
export interface Allowance {
  /** As it is stored: name of the limit, and key. */
  readonly limit: string
  readonly key: string
  readonly concurrency?: number
  readonly rate?: { readonly limit: number; readonly perMs: number }
}

export const LIMITED_PREFIX = 'limited-'
const SHARED = { name: 'shared', concurrency: 8 } as const
export const SHARED_LIMIT = SHARED

const keyOf =
  (keys: number) =>
  (_mark: string, parameter: number): string =>
    `k${parameter % keys}`

export const LIMITED_OPTIONS: Readonly<Record<LimitedKind, Options>> = {
  'limited-one': { concurrency: { limit: 1, key: keyOf(4) } },
  'limited-five': { concurrency: { limit: 5, key: keyOf(3) }, limits: [SHARED.name] },
  'limited-rate': { rateLimit: '50/s' },
  'limited-burst': {
    rateLimit: { limit: 10, per: '1s', burst: 5, key: keyOf(3) },
    limits: [SHARED.name],
    fairness: { key: keyOf(3), weight: (key) => (key === 'k0' ? 2 : 1) },
  },
}

/** What a job has to pass; nothing for a task without limits. */
export function allowancesOf(task: string, parameter: number): readonly Allowance[] {
  const shared = { limit: SHARED.name, key: '', concurrency: SHARED.concurrency }
  switch (task) {
    case 'limited-one':
      return [{ limit: 'task:limited-one/concurrency', key: `k${parameter % 4}`, concurrency: 1 }]
    case 'limited-five':
      return [{ limit: 'task:limited-five/concurrency', key: `k${parameter % 3}`, concurrency: 5 }, shared]
    case 'limited-rate':
      return [{ limit: 'task:limited-rate/rate', key: '', rate: { limit: 50, perMs: 1_000 } }]
    case 'limited-burst':
      return [
        { limit: 'task:limited-burst/rate', key: `k${parameter % 3}`, rate: { limit: 10, perMs: 1_000 } },
        shared,
      ]
    default:
      return []
  }
}
