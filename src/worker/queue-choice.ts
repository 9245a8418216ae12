import { CeleriacError } from '../base/errors.ts'
import { assertQueueName, didYouMean } from '../base/names.ts'
import { integer } from '../base/options.ts'
import { preview, quote } from '../base/text.ts'
import { isPattern, patternOf } from '../queue/pattern.ts'

/** A queue to claim from, or a pattern of queues. */
export interface QueueEntry {
  readonly name: string
  readonly weight: number
}

/** What an app says of its queues to its workers. */
export interface AppQueues {
  readonly defaultQueue: string
  /** Names of those it declares. */
  readonly declared: readonly string[]
  /** Refuses a queue that may not be used. */
  readonly assertQueue: (name: string) => string
}

/** Which queues a worker claims from, as it was told. */
export interface QueueChoice {
  readonly queues: readonly QueueEntry[]
  /** Names and patterns of those it leaves to others. */
  readonly exclude: readonly string[]
  /** Whether nobody chose: all that the app has. */
  readonly isDefault: boolean
}

/**
 * Reads which queues to claim from. Without any: those that the app declares and its default queue; where some are
 * excluded and none is declared, whichever there are.
 *
 * @throws {CeleriacError} `OPTION_INVALID`, `QUEUE_NAME_INVALID` or `QUEUE_UNKNOWN`
 */
export function readQueueChoice(
  given: { readonly queues?: unknown; readonly exclude?: unknown },
  app: AppQueues,
): QueueChoice {
  const isDefault = given.queues === undefined
  const exclude = readExclude(given.exclude)
  const own = [...new Set([app.defaultQueue, ...app.declared])]
  const implied = exclude.length > 0 && app.declared.length === 0 ? ['*'] : own
  const queues = readEntries(given.queues ?? implied)
  for (const { name } of queues) if (!isPattern(name)) app.assertQueue(assertQueueName(name))
  const isOpen = queues.some(({ name }) => isPattern(name))
  const known = [...queues.map(({ name }) => name), ...own]
  for (const name of exclude) {
    if (isPattern(name)) continue
    if (isOpen) app.assertQueue(assertQueueName(name))
    else if (!known.includes(assertQueueName(name)))
      throw invalid(
        'exclude',
        `names ${quote(name)}, which is not among the queues; ${didYouMean(name, known)}`,
      )
  }
  const excluded = exclude.map(patternOf)
  if (!isOpen && queues.every(({ name }) => excluded.some((pattern) => pattern.test(name))))
    throw invalid('exclude', 'leaves no queue to claim from')
  return { queues, exclude, isDefault }
}

function readEntries(queues: unknown): QueueEntry[] {
  const entries: [unknown, unknown][] = Array.isArray(queues)
    ? queues.map((name: unknown) => [name, 1])
    : typeof queues === 'object' && queues !== null
      ? Object.entries(queues)
      : []
  if (entries.length === 0)
    throw invalid('queues', `must be a list of queue names, or an object of weights; got ${preview(queues)}`)
  const names = new Set<string>()
  return entries.map(([given, weight]) => {
    const name = typeof given === 'string' && isPattern(given) ? given : assertQueueName(given)
    if (names.has(name)) throw invalid('queues', `names "${name}" twice`)
    names.add(name)
    return { name, weight: integer(weight, `queues.${name}`, 1, 1_000) }
  })
}

function readExclude(exclude: unknown): readonly string[] {
  if (exclude === undefined) return []
  const list: readonly unknown[] | null = Array.isArray(exclude) ? exclude : null
  if (list?.every((name) => typeof name === 'string')) return list as readonly string[]
  throw invalid('exclude', `must be a list of queue names; got ${preview(exclude)}`)
}

function invalid(option: string, problem: string): CeleriacError<'OPTION_INVALID'> {
  return new CeleriacError('OPTION_INVALID', { option, problem })
}
