import { CeleriacError } from '../base/errors.ts'
import { assertQueueName } from '../base/names.ts'
import { type Check, flag, integer, refuseUnknown, text } from '../base/options.ts'
import { preview } from '../base/text.ts'
import type { LimitOptions, ResolvedLimit } from '../task/limits.ts'
import { JOB_DEFAULTS } from '../task/options.ts'
import { ownLimits } from '../task/read-limits.ts'
import { compileRoutes, type RouteStep, type RoutesOption } from './route-steps.ts'

/** What an app says of one of its queues. Its limits hold for all jobs that stand in it, whatever their task. */
export interface QueueOptions extends LimitOptions<unknown[]> {
  /** What it is for, for people. */
  readonly description?: string
  /** Priority of its jobs where neither call, task nor route say one; an integer from -32768 to 32767. @defaultValue 0 */
  readonly priority?: number
}

/** The options of an app that decide in which queue a job stands. */
export interface QueueSettings {
  /** Queue of jobs of which nothing says another. @defaultValue 'default' */
  readonly defaultQueue?: string
  /** Queues of the app, by name, with what holds for each. Others may be used as well, unless `strictQueues`. */
  readonly queues?: Readonly<Record<string, QueueOptions>>
  /** Refuses every queue but the default one and those of `queues`, in callers and workers. @defaultValue false */
  readonly strictQueues?: boolean
  /**
   * Fills in what neither call nor task say: names of tasks or patterns of them (`'mail.*'`) with a queue or options, a
   * function of the call, or a list of such; the first that answers counts.
   */
  readonly routes?: RoutesOption
}

/** The same, read and checked. */
export interface ResolvedQueueSettings {
  readonly defaultQueue: string
  readonly queues: ReadonlyMap<string, QueueOptions>
  readonly strictQueues: boolean
  readonly routes: readonly RouteStep[]
  /** Limits of queues that have some, by queue. */
  readonly limits: ReadonlyMap<string, readonly ResolvedLimit[]>
}

/** Names of these options. */
export const QUEUE_SETTINGS = ['defaultQueue', 'queues', 'strictQueues', 'routes'] as const

const QUEUE_KEYS = ['description', 'priority', 'concurrency', 'rateLimit']

/** Reads them; each problem goes to `check`. */
export function resolveQueueSettings(given: QueueSettings, check: Check): ResolvedQueueSettings {
  const queues = check(() => readQueues(given.queues ?? {}), new Map<string, QueueOptions>())
  return {
    defaultQueue: check(() => assertQueueName(given.defaultQueue ?? JOB_DEFAULTS.queue), ''),
    queues,
    strictQueues: check(() => flag(given.strictQueues ?? false, 'strictQueues'), false),
    routes: check(() => (given.routes === undefined ? [] : compileRoutes(given.routes)), []),
    limits: limitsOf(queues, check),
  }
}

function limitsOf(
  queues: ReadonlyMap<string, QueueOptions>,
  check: Check,
): ReadonlyMap<string, readonly ResolvedLimit[]> {
  const limits = [...queues].map(
    ([name, options]) => [name, ownLimits(options, `queue:${name}`, check, `queues.${name}.`)] as const,
  )
  return new Map(limits.filter(([, own]) => own.length > 0))
}

function readQueues(queues: Readonly<Record<string, QueueOptions>>): ReadonlyMap<string, QueueOptions> {
  if (typeof queues !== 'object' || queues === null || Array.isArray(queues)) {
    const problem = `must be an object of queues by name, such as { mail: {} }; got ${preview(queues)}`
    throw new CeleriacError('OPTION_INVALID', { option: 'queues', problem })
  }
  return new Map(
    Object.entries(queues).map(([name, options]) => [assertQueueName(name), readQueue(name, options)]),
  )
}

function readQueue(name: string, options: QueueOptions): QueueOptions {
  refuseUnknown(options, QUEUE_KEYS, `queues.${name}`)
  const { description, priority } = options
  if (description !== undefined) text(description, `queues.${name}.description`, 1_000)
  if (priority !== undefined) integer(priority, `queues.${name}.priority`, -32_768, 32_767)
  return { ...options }
}
