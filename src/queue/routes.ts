/*
 * queue: what is said of queues as a whole. Which one a call goes to (options, route-steps, routes), and the verbs that
 * pause, list, empty and rearrange them (queues, edits). Workers claim from them elsewhere; nothing here runs anything.
 */
import { CeleriacError, isCeleriacError } from '../base/errors.ts'
import { didYouMean } from '../base/names.ts'
import { quote } from '../base/text.ts'
import type { Routes, Shapes } from '../job/routes.ts'
import { callShape, type Shape, taskShape } from '../job/shape.ts'
import type { TaskDefinition } from '../task/definition.ts'
import { type CallOptions, JOB_DEFAULTS } from '../task/options.ts'
import type { ResolvedQueueSettings } from './options.ts'
import { type RouteFunction, type RouteOptions, routeOf } from './route-steps.ts'

/** Answers of routes whose shapes are kept; functions that name a queue per customer must not fill the memory. */
const MOST_SHAPES = 1_000

/**
 * Decides where calls go. In this order: the options of the call (those given later over those of a signature), the
 * task's options, the routes of the app, the queue's own, the defaults. A route only fills in what is open.
 */
export class RouteTable implements Routes {
  readonly defaultQueue: string
  readonly #settings: ResolvedQueueSettings

  constructor(settings: ResolvedQueueSettings) {
    this.defaultQueue = settings.defaultQueue
    this.#settings = settings
  }

  shapesOf(task: TaskDefinition, options: CallOptions): Shapes {
    const { functions, fixed } = this.#routesOf(task.name)
    if (functions.length === 0) return this.#shape(task, options, fixed)

    const shapes = new Map<string, Shape>()
    return (args) => {
      const route = this.#ask(functions, task.name, args, options) ?? fixed
      const key = JSON.stringify(route)
      let shape = shapes.get(key)
      if (shape === undefined) {
        shape = this.#shape(task, options, route)
        if (shapes.size < MOST_SHAPES) shapes.set(key, shape)
      }
      return shape
    }
  }

  /**
   * Where a call without options would go.
   *
   * @param definition - undefined for a task whose own options nobody here knows: then only a route can say
   * @returns null when nothing says so
   * @throws {CeleriacError} as the functions of {@link shapesOf}
   */
  queueOf(task: string, definition: TaskDefinition | undefined, args: readonly unknown[]): string | null {
    if (definition !== undefined) {
      const shapes = this.shapesOf(definition, {})
      return (typeof shapes === 'function' ? shapes(args) : shapes).queue
    }
    const { functions, fixed } = this.#routesOf(task)
    const { queue } = this.#ask(functions, task, args, {}) ?? fixed ?? {}
    return queue === undefined ? null : this.assertQueue(queue)
  }

  /** @throws {CeleriacError} `QUEUE_UNKNOWN` for a queue that is not declared, where only declared ones may be used. */
  assertQueue(queue: string): string {
    const { strictQueues, queues } = this.#settings
    if (!strictQueues || queue === this.defaultQueue || queues.has(queue)) return queue
    const known = [this.defaultQueue, ...queues.keys()]
    throw new CeleriacError('QUEUE_UNKNOWN', { queue: quote(queue), hint: didYouMean(queue, known) })
  }

  /** Functions to ask in order, and what holds when none of them answers. */
  #routesOf(task: string): {
    readonly functions: readonly RouteFunction[]
    readonly fixed: RouteOptions | null
  } {
    const functions: RouteFunction[] = []
    for (const step of this.#settings.routes) {
      const route = step(task)
      if (typeof route === 'function') functions.push(route)
      else if (route !== null) return { functions, fixed: route }
    }
    return { functions, fixed: null }
  }

  #ask(
    functions: readonly RouteFunction[],
    task: string,
    args: readonly unknown[],
    options: CallOptions,
  ): RouteOptions | null {
    for (const ask of functions) {
      try {
        const route = routeOf(ask(task, args, options), `the route of ${task}`)
        if (route !== null) return route
      } catch (error) {
        if (isCeleriacError(error)) throw error
        const reason = error instanceof Error ? error.message : String(error)
        throw new CeleriacError('ROUTE_FAILED', { task, reason }, { cause: error })
      }
    }
    return null
  }

  #shape(task: TaskDefinition, call: CallOptions, route: RouteOptions | null): Shape {
    const filled: { -readonly [Name in keyof CallOptions]: CallOptions[Name] } = { ...call }
    const isOpen = (name: keyof RouteOptions): boolean => call[name] === undefined && !task.given.has(name)
    const { labels, ...rest } = route ?? {}
    for (const [name, value] of Object.entries(rest)) {
      if (value !== undefined && isOpen(name as keyof RouteOptions)) Object.assign(filled, { [name]: value })
    }
    if (labels !== undefined) filled.labels = { ...labels, ...task.options.labels, ...call.labels }
    if (isOpen('queue') && filled.queue === undefined && this.defaultQueue !== JOB_DEFAULTS.queue)
      filled.queue = this.defaultQueue
    const queue = this.assertQueue(filled.queue ?? task.options.queue)
    const { priority } = this.#settings.queues.get(queue) ?? {}
    if (priority !== undefined && isOpen('priority')) filled.priority ??= priority
    return Object.keys(filled).length === 0 ? taskShape(task) : callShape(task, filled)
  }
}
