import type { Celeriac } from '../../celeriac.ts'
import type { Workflow } from '../../job/workflow.ts'
import { STEP_NAMES, type Step, type StepName } from './track.ts'

const PREFIX = 'demo.'

/**
 * Looks at an upload through the tree of its workflow; asks for the attempts of a job, too, whenever another of them has
 * not done.
 */
export function lookAt(app: Celeriac, workflow: Pick<Workflow, 'tree'>): () => Promise<readonly Step[]> {
  const known = new Map<string, { readonly attempts: string; readonly reasons: readonly string[] }>()

  async function reasonsOf(id: string, attempt: number, state: string): Promise<readonly string[]> {
    if (attempt < (state === 'pending' ? 1 : 2)) return []
    const attempts = `${attempt} ${state}`
    const before = known.get(id)
    if (before?.attempts === attempts) return before.reasons
    const rows = await app.inspect.attempts(id)
    const repeated = rows.filter(({ outcome }) => outcome === 'retry' || outcome === 'lost')
    const reasons = repeated.map(({ error_message, outcome }) => error_message ?? outcome)
    known.set(id, { attempts, reasons })
    return reasons
  }

  return async () => {
    const tree = await workflow.tree()
    const steps = tree.all().map(async (node): Promise<Step | null> => {
      const name = stepName(node.task)
      if (name === null) return null
      const { id, state, attempt, progress, error, upstream } = node
      return {
        id,
        name,
        state,
        attempt,
        done: state === 'running' ? doneOf(progress) : null,
        reasons: await reasonsOf(id, attempt, state),
        error: state === 'failed' ? (error?.message ?? 'it failed') : null,
        skipped: upstream !== null,
      }
    })
    return (await Promise.all(steps)).filter((step) => step !== null)
  }
}

/** Null for what only joins jobs. */
function stepName(task: string): StepName | null {
  return STEP_NAMES.find((name) => task === PREFIX + name) ?? null
}

function doneOf(progress: unknown): number | null {
  const done = typeof progress === 'object' && progress !== null && 'done' in progress ? progress.done : null
  return typeof done === 'number' ? done : null
}
