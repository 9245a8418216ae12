import { CeleriacError } from '../base/errors.ts'
import { assertTaskName } from '../base/names.ts'
import { refuseUnknown } from '../base/options.ts'
import { preview } from '../base/text.ts'
import { type CallOptions, type JobOptions, resolveTaskOptions } from '../task/options.ts'
import { isPattern, patternOf } from './pattern.ts'

/** What a route may say. */
export type RouteOptions = Pick<
  JobOptions,
  'queue' | 'priority' | 'expires' | 'maxAttempts' | 'timeLimit' | 'softTimeLimit' | 'labels'
>

/** What a route answers: a queue or options; null or undefined when it has nothing to say. */
export type RouteAnswer = string | RouteOptions | null | undefined

/**
 * A route that looks at the call; asked for each one, and must answer at once.
 *
 * @param args - as the handler will get them; undefined stands for what a step before is still to return
 * @param options - of the call alone
 */
export type RouteFunction = (task: string, args: readonly unknown[], options: CallOptions) => RouteAnswer

/** What stands behind a name or a pattern. */
export type RouteTarget = string | RouteOptions | RouteFunction

/** Routes by task. A name goes before any pattern (`*`, `?`), and patterns go in their order. */
export type RouteMap = Readonly<Record<string, RouteTarget>>

/** The same as a pair, for regular expressions, too; those match from the beginning of a name. */
export type RoutePair = readonly [task: string | RegExp, route: RouteTarget]

/** The routes of an app: the first that answers counts. Pairs that follow each other are one map. */
export type RoutesOption = RouteMap | RouteFunction | readonly (RouteMap | RouteFunction | RoutePair)[]

/** One that is asked after the other. */
export type RouteStep = (task: string) => RouteOptions | RouteFunction | null

const ROUTE_KEYS = ['queue', 'priority', 'expires', 'maxAttempts', 'timeLimit', 'softTimeLimit', 'labels']

/** @throws {CeleriacError} `OPTION_…`, `NAME_INVALID` or `QUEUE_NAME_INVALID` */
export function compileRoutes(routes: RoutesOption): RouteStep[] {
  const list: readonly unknown[] = Array.isArray(routes) && !isPair(routes) ? routes : [routes]
  const steps: RouteStep[] = []
  let pairs: [unknown, unknown][] = []
  const closePairs = (): void => {
    if (pairs.length > 0) steps.push(mapStep(pairs))
    pairs = []
  }
  for (const [index, route] of list.entries()) {
    if (isPair(route)) {
      pairs.push([route[0], route[1]])
      continue
    }
    closePairs()
    if (typeof route === 'function') steps.push(() => route as RouteFunction)
    else if (typeof route === 'object' && route !== null && !Array.isArray(route))
      steps.push(mapStep(Object.entries(route)))
    else throw invalid(list.length === 1 ? 'routes' : `routes[${index}]`, route)
  }
  closePairs()
  return steps
}

function isPair(route: unknown): route is [string | RegExp, unknown] {
  if (!Array.isArray(route) || route.length !== 2) return false
  const [name] = route
  return name instanceof RegExp || typeof name === 'string'
}

function invalid(option: string, got: unknown): CeleriacError<'OPTION_INVALID'> {
  const hint =
    typeof got === 'string' ? '; a module is not loaded by its path: import its function and pass that' : ''
  return new CeleriacError('OPTION_INVALID', {
    option,
    problem: `must be an object of routes by task, a function, or a pair [task, route]; got ${preview(got)}${hint}`,
  })
}

function mapStep(entries: readonly (readonly [unknown, unknown])[]): RouteStep {
  const exact = new Map<string, RouteOptions | RouteFunction>()
  const patterns: [RegExp, RouteOptions | RouteFunction][] = []
  for (const [task, given] of entries) {
    const target = readTarget(given, `routes[${preview(task)}]`)
    if (task instanceof RegExp)
      patterns.push([new RegExp(task.source, `${task.flags.replaceAll(/[gy]/g, '')}y`), target])
    else if (isPattern(String(task))) patterns.push([patternOf(String(task)), target])
    else if (!exact.has(String(task))) exact.set(assertTaskName(task), target)
  }
  return (task) => exact.get(task) ?? patterns.find(([pattern]) => fits(pattern, task))?.[1] ?? null
}

/** A sticky expression goes on where it was; each name begins anew. */
function fits(pattern: RegExp, task: string): boolean {
  pattern.lastIndex = 0
  return pattern.test(task)
}

function readTarget(target: unknown, option: string): RouteOptions | RouteFunction {
  if (typeof target === 'function') return target as RouteFunction
  const route = routeOf(target, option)
  if (route === null)
    throw new CeleriacError('OPTION_INVALID', { option, problem: 'says nothing; give a queue or options' })
  resolveTaskOptions(route)
  return route
}

/**
 * Reads what a route says.
 *
 * @throws {CeleriacError} `OPTION_…`; values are checked with those of the call
 */
export function routeOf(answer: unknown, option: string): RouteOptions | null {
  if (answer === null || answer === undefined) return null
  if (typeof answer === 'string') return { queue: answer }
  if (typeof answer === 'object' && 'then' in answer && typeof answer.then === 'function') {
    throw new CeleriacError('OPTION_INVALID', {
      option,
      problem: 'answered with a promise; a route must answer at once',
    })
  }
  refuseUnknown(answer as object, ROUTE_KEYS, 'route')
  return answer as RouteOptions
}
