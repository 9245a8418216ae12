import { hostname } from 'node:os'
import { type Duration, toMs } from '../base/duration.ts'
import { CeleriacError } from '../base/errors.ts'
import { allAtOnce, integer, oneOf, refuseUnknown, text } from '../base/options.ts'
import { preview } from '../base/text.ts'
import { JOB_DEFAULTS } from '../task/options.ts'
import { type AppQueues, type QueueEntry, readQueueChoice } from './queue-choice.ts'

/** Options of a worker. */
export interface WorkerOptions {
  /**
   * Queues to claim from, in this order (see `order`); an object gives weights: `{ mail: 4, default: 1 }`. A pattern such
   * as `'*'` or `'mail.*'` stands for all queues that fit and are not named beside it; one that is used for the first
   * time joins within a second. Left out: the app's default queue and those that it declares.
   * @defaultValue ['default']
   */
  readonly queues?: readonly string[] | Readonly<Record<string, number>>
  /** Queues (or patterns) to leave to others. With it alone: all queues but these. @defaultValue [] */
  readonly exclude?: readonly string[]
  /**
   * `ordered`: a later queue gets its turn when the earlier ones have nothing due; those of one pattern take turns.
   * `weighted`: turns are shared by weight, and no queue starves.
   * @defaultValue 'ordered' for a list, 'weighted' for an object, or where queues is left out
   */
  readonly order?: 'ordered' | 'weighted'
  /** Jobs run at once. Integer from 1 to 10,000. @defaultValue 10 */
  readonly concurrency?: number
  /** Name for people, shown in views. @defaultValue host and process id */
  readonly name?: string
  /** How long a warm stop waits for running jobs; 0 aborts at once. @defaultValue '30s' */
  readonly stopTimeout?: Duration
  /** How long a handler may take to stop once it was told to, before it is given up. @defaultValue '5s' */
  readonly abortGrace?: Duration
  /** Looks for work at least this often when notifications arrive. @defaultValue '10s' */
  readonly pollInterval?: Duration
  /** The same while they do not arrive. @defaultValue '500ms' */
  readonly deafPollInterval?: Duration
  /**
   * A main loop that stands still for this long ends the process, so that others can run its jobs; `'never'` lets it.
   * Needs the guard thread. At least 1 s. @defaultValue '60s'
   */
  readonly maxBlock?: Duration | 'never'
}

export const WORKER_DEFAULTS = {
  queues: ['default'],
  exclude: [],
  order: 'ordered',
  concurrency: 10,
  stopTimeout: '30s',
  abortGrace: '5s',
  pollInterval: '10s',
  deafPollInterval: '500ms',
  maxBlock: '60s',
} as const satisfies WorkerOptions

const LEAST_BLOCK_MS = 1_000
const NO_CHOICE = { queues: [], exclude: [], isDefault: true } as const
/** One that says nothing of its queues. */
const PLAIN_APP: AppQueues = {
  defaultQueue: JOB_DEFAULTS.queue,
  declared: [],
  assertQueue: (name) => name,
}

/** Options of a worker, read and checked. */
export interface ResolvedWorkerOptions {
  readonly queues: readonly QueueEntry[]
  /** Names and patterns of queues it leaves to others. */
  readonly exclude: readonly string[]
  readonly order: 'ordered' | 'weighted'
  readonly concurrency: number
  readonly name: string
  readonly stopTimeoutMs: number
  readonly abortGraceMs: number
  readonly pollMs: number
  readonly deafPollMs: number
  /** Null for ever. */
  readonly maxBlockMs: number | null
}

/** @throws {CeleriacError} `OPTION_…` or `QUEUE_NAME_INVALID`, all problems at once. */
export function resolveWorkerOptions(
  options: WorkerOptions,
  app: AppQueues = PLAIN_APP,
): ResolvedWorkerOptions {
  return allAtOnce((check) => {
    check(() => refuseUnknown(options, [...Object.keys(WORKER_DEFAULTS), 'name'], 'worker'), undefined)
    const read = (name: 'stopTimeout' | 'abortGrace' | 'pollInterval' | 'deafPollInterval'): number =>
      check(() => toMs(options[name] ?? WORKER_DEFAULTS[name], name), 0)
    const choice = check(() => readQueueChoice(options, app), NO_CHOICE)
    const listed = Array.isArray(options.queues) || (choice.isDefault && choice.queues.length === 1)
    return {
      queues: choice.queues,
      exclude: choice.exclude,
      order: check(
        () => oneOf(options.order ?? (listed ? 'ordered' : 'weighted'), 'order', ['ordered', 'weighted']),
        'ordered',
      ),
      concurrency: check(
        () => integer(options.concurrency ?? WORKER_DEFAULTS.concurrency, 'concurrency', 1, 10_000),
        1,
      ),
      name: check(() => text(options.name ?? `${hostname()}:${process.pid}`, 'name', 200), ''),
      stopTimeoutMs: read('stopTimeout'),
      abortGraceMs: read('abortGrace'),
      pollMs: read('pollInterval'),
      deafPollMs: read('deafPollInterval'),
      maxBlockMs: check(() => readMaxBlock(options.maxBlock ?? WORKER_DEFAULTS.maxBlock), null),
    }
  })
}

function readMaxBlock(value: Duration | 'never'): number | null {
  if (value === 'never') return null
  const ms = toMs(value, 'maxBlock')
  if (ms >= LEAST_BLOCK_MS) return ms
  throw new CeleriacError('OPTION_INVALID', {
    option: 'maxBlock',
    problem: `must be at least 1 s, or 'never'; got ${preview(value)}`,
  })
}
