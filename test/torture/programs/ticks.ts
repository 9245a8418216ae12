import type { EveryOptions } from '../../../src/index.ts'
import { jobOf, recorded, type Surroundings, sleep } from './handlers.ts'
import { CANARY } from './settings.ts'

/** The task of all schedules. */
export const TICK_TASK = 'tick'

type Args = [mark: string, parameter: number, secret: string]

/** A schedule of the workload, and what the checker needs to know of it. */
export interface Ticking {
  readonly name: string
  readonly rule: { readonly interval: number; readonly aligned?: true } | { readonly cron: string }
  readonly overlap: 'allow' | 'skip' | 'queue' | 'cancel'
  readonly catchUp: 'none' | 'last' | 'all'
  readonly catchUpMax: number
  /** Ms that a job takes. */
  readonly takes: number
  /** The instants by a second opinion: every so often, or at these seconds of each minute. */
  readonly everyMs: number
  readonly seconds?: readonly number[]
}

const OVERLAPS = ['allow', 'skip', 'queue', 'cancel'] as const
const CATCH_UPS = ['all', 'last', 'none'] as const
/** Seconds that no step of time gives, so that the expression has to be read. */
const ODD_SECONDS = [3, 4, 20, 41, 59]

/** The first so many are used by a run. */
export const TICKING: readonly Ticking[] = CATCH_UPS.flatMap((catchUp) =>
  OVERLAPS.flatMap((overlap): Ticking[] => {
    const of = (
      kind: string,
      more: Pick<Ticking, 'rule' | 'everyMs' | 'takes'> & Partial<Ticking>,
    ): Ticking => ({
      ...{ name: `${kind} ${overlap} ${catchUp}`, overlap, catchUp, catchUpMax: 50, ...more },
    })
    return [
      of('fast', { rule: { interval: 250 }, everyMs: 250, takes: overlap === 'allow' ? 5 : 300 }),
      catchUp === 'last'
        ? of('cron', {
            ...{ rule: { cron: `${ODD_SECONDS} * * * * *` }, everyMs: 1_000 },
            ...{ seconds: ODD_SECONDS, takes: 200 },
          })
        : of('slow', { rule: { interval: 1_000, aligned: true }, everyMs: 1_000, takes: 700 }),
    ]
  }),
)

/** Defines the task and declares the first so many schedules. */
export function defineTicks(surroundings: Surroundings, count: number): void {
  if (count === 0) return
  const task = surroundings.app.task(
    TICK_TASK,
    { bind: true, maxAttempts: 3, backoff: ['200ms'] },
    (context, ...[mark, parameter, _secret]: Args) =>
      recorded(jobOf(context), { name: TICK_TASK, mark, parameter, body: sleep }, surroundings),
  )
  for (const { name, rule, overlap, catchUp, catchUpMax, takes } of TICKING.slice(0, count)) {
    const told: EveryOptions<Args> = {
      ...{ ...rule, name, overlap, catchUp, catchUpMax },
      args: [name, takes, CANARY],
    }
    task.every(told)
  }
}
