import { CeleriacError } from '../base/errors.ts'
import { assertJobId, uuidv7 } from '../base/ids.ts'
import { JobHandle } from '../job/handle.ts'
import { callsOf, mergeOptions } from '../job/task.ts'
import { jobStorage } from '../task/current-job.ts'
import type { CallOptions } from '../task/options.ts'
import { issuesText, validateArgs } from '../task/schema.ts'
import type { CanvasBinding } from './binding.ts'
import type { SignatureData, TaskData } from './data.ts'
import { describe } from './describe.ts'
import { GroupHandle } from './group-handle.ts'
import { type PlanContext, planOf } from './plan.ts'
import type { Plan } from './plan-rows.ts'
import { planText } from './plan-text.ts'

/**
 * Enqueues a canvas: all of its jobs or none, in one statement.
 *
 * @param open - leading arguments of its first tasks
 * @param options - of this call; they go before those of the signature
 * @throws {CeleriacError} `CANVAS_…`, `ARGS_REJECTED`, `JSON_…`, `OPTION_…`, `JOB_EXISTS`: nothing is written then
 */
export async function startCanvas(
  data: SignatureData,
  open: readonly unknown[],
  binding: CanvasBinding,
  options: CallOptions = {},
): Promise<JobHandle | GroupHandle> {
  const { context } = binding
  context.assertOpen()
  if (isPlainCall(data)) return startJob(data, open, binding, options)
  const { tx, ...given } = options
  const plan = planOf(withCallOptions(data, given), open, {}, planContext(binding))
  await validatePlan(plan, binding)

  const parent = jobStorage.getStore()
  const running = parent === undefined || parent.worker === null ? null : parent
  const outputId = plan.nodes[plan.output]?.options.id
  const ids = plan.nodes.map((_, index) =>
    index === plan.output && outputId !== undefined ? assertJobId(outputId) : uuidv7(),
  )
  const head = {
    id: ids[0] ?? '',
    rootId: running?.rootId ?? ids[0] ?? '',
    outputId: ids[plan.output] ?? '',
    name: describe(data),
    parentId: running?.id ?? null,
    givenId: outputId !== undefined,
  }
  await context.enqueuer.startWorkflow({ id: head.id, ...planText(plan, ids, head, binding) }, tx ?? null)
  return isJob(plan)
    ? new JobHandle(head.outputId, context, head.id)
    : new GroupHandle(head.outputId, context, head.id)
}

/** Whether what a canvas ends in gives one value, and not those of a group. */
function isJob({ nodes, output }: Plan): boolean {
  const join = nodes[output]?.join
  return join === undefined || join === 'value'
}

/** What planning asks about tasks. */
export function planContext({ definition }: CanvasBinding): PlanContext {
  return {
    ignoresResult: ({ task, options }) => options.ignoreResult ?? definition(task).options.ignoreResult,
  }
}

/** Checks the arguments of every node that gets none from others, as far as its task has a schema. */
export async function validatePlan(plan: Plan, { definition }: CanvasBinding): Promise<void> {
  for (const node of plan.nodes) {
    if (node.takesInput || node.join !== undefined || node.map !== undefined) continue
    const task = definition(node.task)
    if (task.schema === null) continue
    const outcome = await validateArgs(task, node.args)
    if (outcome.issues === undefined) continue
    throw new CeleriacError(
      'ARGS_REJECTED',
      { task: node.task, issues: issuesText(outcome.issues) },
      { details: { issues: outcome.issues } },
    )
  }
}

/** A single call without anything attached is a job like any other. */
function isPlainCall(data: SignatureData): data is TaskData {
  return (
    data.kind === 'task' &&
    data.links === undefined &&
    data.errbacks === undefined &&
    data.optional === undefined
  )
}

async function startJob(
  data: TaskData,
  open: readonly unknown[],
  binding: CanvasBinding,
  options: CallOptions,
): Promise<JobHandle> {
  const merged = mergeOptions(data.options ?? {}, options)
  const args = data.immutable === true ? data.args : [...open, ...data.args]
  return callsOf<unknown[], unknown>(binding.definition(data.task), merged, binding.context).enqueue(...args)
}

/** What is said when a canvas is enqueued goes before what it says itself. */
function withCallOptions(data: SignatureData, options: CallOptions): SignatureData {
  const { tx: _, ...rest } = options
  if (Object.keys(rest).length === 0) return data
  return { ...data, options: mergeOptions(data.options ?? {}, rest) }
}
