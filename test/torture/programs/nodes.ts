import { Signature } from '../../../src/index.ts'
import { ADDED, ERROR, fold, mix, NOTHING, REPLACEMENTS, type Way } from '../canvas/drawing.ts'
import { ERRBACK_TASK, NODE_TASK, nodeSignature } from '../canvas/to-signature.ts'
import { accountOf, jobOf, recorded, type Surroundings, sleep } from './handlers.ts'
import { NODE_OPTIONS } from './kinds.ts'

const MS = 5

/** Defines what nodes of canvases run, and what is called when they fail. */
export function defineNodes(surroundings: Surroundings): void {
  const { app } = surroundings
  app.task(NODE_TASK, { bind: true, ...NODE_OPTIONS }, (context, ...given: unknown[]) => {
    const [mark, way, own, secret] = given.slice(-4) as [string, Way, number, string]
    const part = (end: string) => nodeSignature({ mark: `${mark}${end}`, way: 'ok', own }, secret)
    return recorded(
      jobOf(context),
      {
        name: NODE_TASK,
        mark,
        parameter: own,
        body: async (job) => {
          await sleep(job, MS)
          if (way === 'fail' || (way === 'fail-once' && job.attempt === 1))
            throw new Error(`the way is ${way}`)
          if (way === 'replace')
            return context.replace(Signature.from({ kind: 'chain', steps: REPLACEMENTS.map(part) }, app))
          if (way === 'add') context.addToChord(Signature.from(part(ADDED), app))
          return { ...accountOf(job), v: mix(own, given.length > 4 ? numberOf(given[0]) : NOTHING) }
        },
      },
      surroundings,
    )
  })
  app.task(ERRBACK_TASK, { bind: true, ...NODE_OPTIONS }, (context, _report: unknown, mark: string) =>
    recorded(jobOf(context), { name: ERRBACK_TASK, mark, parameter: MS, body: sleep }, surroundings),
  )
}

/** One number of whatever a node is given. */
function numberOf(input: unknown): number {
  if (Array.isArray(input)) return fold(input.map(numberOf))
  if (input instanceof Error) return ERROR
  return typeof input === 'object' && input !== null && 'v' in input ? Number(input.v) : NOTHING
}
