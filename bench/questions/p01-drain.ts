import { type Answer, atLeast, type Goal, inTurns, type Question, rowsOf } from '../answer.ts'
import type { Contender } from '../contenders/contender.ts'
import { drain, fill, fillFor } from '../harness/drain.ts'
import type { Lab } from '../lab.ts'
import { figure } from '../table.ts'

/** P1: how fast do one and two worker processes drain a filled queue? */
export const drainQuestion: Question = {
  id: 'P1',
  ask: async (lab) => [await ask(lab, 1), await ask(lab, 2)],
}

async function ask(lab: Lab, workers: number): Promise<Answer> {
  const contenders = lab.choose('P1')
  const measured = await inTurns(contenders, lab.sizes.rounds, (contender) =>
    lab.on(contender, async (site) => {
      const { drainJobs, drainSeconds } = lab.sizes
      const filled = fillFor(site, workers, drainJobs, drainSeconds)
      await fill(site, filled)
      await site.rest()
      return drain(lab, site, filled, workers)
    }),
  )
  return {
    id: 'P1',
    title: `drain, ${workers} worker process${workers === 1 ? '' : 'es'}`,
    unit: 'jobs/s',
    rows: rowsOf(
      measured,
      ({ rate }) => rate,
      (contender, ratio) => (workers === 1 ? goalOf(contender, ratio) : undefined),
      ([first]) => first && `${first.jobs} jobs, ${figure(first.wallSeconds)} s with start and settling`,
    ),
    notes: [
      'From the first handler call to the last; that every job is settled afterwards is checked. graphile keeps no result.',
      'This favours large batches: the first is fetched, and the last settled, outside of it.',
    ],
  }
}

function goalOf({ id, family, variant }: Contender, ratio: number): Goal | undefined {
  if (family === 'celeriac') return undefined
  if (family === 'bullmq') return atLeast(4, ratio)
  if (variant === 'default') return atLeast(20, ratio)
  return id === 'graphile_tuned' ? atLeast(2, ratio) : undefined
}
