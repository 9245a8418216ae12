import { CeleriacError } from '../base/errors.ts'
import { uuidv7 } from '../base/ids.ts'
import type { CanvasBinding } from './binding.ts'
import type { SignatureData } from './data.ts'
import { describe } from './describe.ts'
import { membersOf, replacementOf } from './plan.ts'
import type { Plan } from './plan-rows.ts'
import { planText } from './plan-text.ts'
import { planContext } from './start.ts'

/** The job that is replaced, or adds members to its group. */
export interface Replaced {
  readonly id: string
  readonly rootId: string
  readonly workflow: string | null
  readonly labels: Readonly<Record<string, string>>
  readonly rowOptions: Readonly<Record<string, unknown>> | null
}

/** A job that replaces itself by one that does so, and so on: at some depth that is a mistake. */
const MOST_LEVELS = 100

/**
 * What takes the place of a running job, as `replace_node` takes it.
 *
 * @throws {CeleriacError} `CANVAS_…`, `JSON_…`, `REPLACED_TOO_OFTEN`
 */
export function replacementText(
  job: Replaced,
  { data }: { readonly data: SignatureData },
  binding: CanvasBinding,
): string {
  const levels = Number(job.rowOptions?.nesting ?? 0) + 1
  if (levels > MOST_LEVELS) throw new CeleriacError('REPLACED_TOO_OFTEN', { jobId: job.id, levels })
  const plan = replacementOf(data, inherited(job), planContext(binding))
  return textOf(job, plan, describe(data), binding, levels)
}

/** Members that a job adds to its group, as `add_members` takes them. */
export function memberText(
  job: Replaced,
  signatures: readonly { readonly data: SignatureData }[],
  binding: CanvasBinding,
): string {
  const members = signatures.map(({ data }) => data)
  const plan = membersOf(members, inherited(job), planContext(binding))
  return textOf(job, plan, '', binding, 0)
}

/** No labels and an empty map of them must look alike: errbacks that are the same are called once. */
function inherited({ labels }: Replaced): Pick<Replaced, 'labels'> | Record<never, never> {
  return Object.keys(labels).length === 0 ? {} : { labels }
}

function textOf(job: Replaced, plan: Plan, name: string, binding: CanvasBinding, nesting: number): string {
  const ids = plan.nodes.map(() => uuidv7())
  const head = {
    id: job.workflow ?? job.id,
    rootId: job.rootId,
    outputId: ids[plan.output] ?? '',
    name,
    parentId: job.id,
    givenId: false,
    nesting,
  }
  return planText(plan, ids, head, binding).text
}
