import { backoffToJson, parseBackoff } from '../base/backoff.ts'
import type { JobContext } from '../task/current-job.ts'
import type { TaskDefinition } from '../task/definition.ts'
import type { CallLimits } from '../task/limits.ts'
import { type CallOptions, type ResolvedJobOptions, resolveCallOptions } from '../task/options.ts'
import type { ResolvedUnique } from '../task/unique.ts'

/**
 * What the jobs of one kind of call have in common, as `enqueue_jobs` reads it.
 *
 * A batch sends each shape once, so the text is made once per call site and compared as text.
 */
export interface Shape {
  readonly text: string
  readonly queue: string
  /** Whether nothing holds the jobs back: they are due as soon as they exist. */
  readonly dueNow: boolean
  readonly labels: Readonly<Record<string, string>> | null
  /** Limits that the call adds to those of the task. */
  readonly flow: CallLimits | null
  /** What makes the jobs unique; null for nothing. */
  readonly unique: ResolvedUnique | null
}

/** The shape of a task's calls without options of their own. */
export function taskShape(task: TaskDefinition): Shape {
  return shapeOf(task.name, task.options, rowOptions(task.options, {}))
}

/** The shape of calls with options. */
export function callShape(task: TaskDefinition, options: CallOptions): Shape {
  const resolved = resolveCallOptions(options, task.options)
  const given = {
    ...(options.timeLimit !== undefined && { timeLimitMs: resolved.timeLimitMs }),
    ...(options.softTimeLimit !== undefined && { softTimeLimitMs: resolved.softTimeLimitMs }),
    ...(options.ignoreResult !== undefined && { ignoreResult: resolved.ignoreResult }),
    ...(resolved.callLimits !== null && { flow: resolved.callLimits }),
    ...(options.backoff !== undefined && { backoff: backoffToJson(parseBackoff(options.backoff)) }),
  }
  return shapeOf(task.name, resolved, rowOptions(resolved, given), options.id !== undefined)
}

/** The same shape for a job that a handler enqueues: it becomes a child of the handler's job. */
export function childShape(shape: Shape, parent: JobContext): Shape {
  return {
    ...shape,
    text: `${shape.text.slice(0, -1)},"rootId":"${parent.rootId}","parentId":"${parent.id}"}`,
  }
}

/** The same shape for jobs that may have been inserted already: their results are looked up, too. */
export function traced(shape: Shape): Shape {
  return isGivenId(shape) ? shape : { ...shape, text: `${shape.text.slice(0, -1)},"givenId":true}` }
}

/** The same shape for unique jobs that may have been enqueued already by this very call. */
export function resent(shape: Shape): Shape {
  const { unique, ...rest } = JSON.parse(shape.text)
  return { ...shape, text: JSON.stringify({ ...rest, unique: { ...unique, resent: true } }) }
}

/** Whether callers chose the ids. */
export function isGivenId({ text }: Shape): boolean {
  return JSON.parse(text).givenId === true
}

/** Results that are gone sooner say nothing of whether a job has run by the time somebody asks. */
const SHORTEST_TRACE_MS = 600_000

/** Whether nothing may be left of such a job soon after it has run. */
export function leavesNoTrace({ text }: Shape): boolean {
  const { options } = JSON.parse(text)
  return options?.resultTtlMs !== undefined && options.resultTtlMs < SHORTEST_TRACE_MS
}

/** Only what SQL acts upon, or what this call says otherwise than its task, is stored with the row. */
function rowOptions(resolved: ResolvedJobOptions, given: object): object | undefined {
  const options = {
    ...given,
    ...(resolved.resultTtlMs !== null && { resultTtlMs: resolved.resultTtlMs }),
    ...(resolved.atMostOnce && { atMostOnce: true }),
  }
  return Object.keys(options).length === 0 ? undefined : options
}

function shapeOf(
  task: string,
  resolved: ResolvedJobOptions,
  options: object | undefined,
  givenId = false,
): Shape {
  const { unique } = resolved
  const delayMs = unique?.waitMs ?? resolved.delayMs
  return {
    queue: resolved.queue,
    labels: resolved.labels,
    flow: resolved.callLimits,
    unique,
    dueNow: (delayMs ?? 0) === 0 && resolved.runAt === null,
    text: JSON.stringify({
      queue: resolved.queue,
      task,
      priority: resolved.priority === 0 ? undefined : resolved.priority,
      delayMs: delayMs ?? undefined,
      runAt: resolved.runAt ?? undefined,
      expiresMs: resolved.expiresMs ?? undefined,
      expiresAt: resolved.expiresAt ?? undefined,
      maxAttempts: resolved.atMostOnce ? 1 : resolved.maxAttempts,
      options,
      labels: resolved.labels ?? undefined,
      givenId: givenId || undefined,
      unique: unique === null ? undefined : { ...unique.rule, ...(givenId && { given: true }) },
    }),
  }
}
