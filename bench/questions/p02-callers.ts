import { atLeast, type Goal, inTurns, type Question, rowsOf } from '../answer.ts'
import type { Contender } from '../contenders/contender.ts'

const CALLERS = 50

/** P2: how many jobs do fifty callers of one process enqueue, each awaiting its own? */
export const callersQuestion: Question = {
  id: 'P2',
  ask: async (lab) => {
    const contenders = lab.choose('P2')
    const measured = await inTurns(contenders, lab.sizes.rounds, (contender) =>
      lab.on(contender, async (site) => {
        const producer = await site.producer()
        await site.rest()
        return producer.ask('callers', { callers: CALLERS, seconds: lab.sizes.callerSeconds })
      }),
    )
    return [
      {
        id: 'P2',
        title: `enqueue, ${CALLERS} callers in one process`,
        unit: 'jobs/s',
        rows: rowsOf(measured, ({ jobs, seconds }) => jobs / seconds, goalOf),
      },
    ]
  },
}

function goalOf({ family }: Contender, ratio: number): Goal | undefined {
  if (family === 'celeriac') return undefined
  return atLeast(family === 'bullmq' ? 1.5 : 8, ratio)
}
