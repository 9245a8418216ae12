import { atMost, inTurns, type Question, rowsOf } from '../answer.ts'
import { median, quantile } from '../harness/statistics.ts'
import { figure } from '../table.ts'

/** P3: how long does one caller wait for one enqueue? */
export const singleQuestion: Question = {
  id: 'P3',
  ask: async (lab) => {
    const measured = await inTurns(lab.choose('P3'), lab.sizes.rounds, (contender) =>
      lab.on(contender, async (site) => {
        const producer = await site.producer()
        await site.rest()
        return producer.ask('single', { seconds: lab.sizes.singleSeconds })
      }),
    )
    return [
      {
        id: 'P3',
        title: 'enqueue, one caller: p50',
        unit: 'ms',
        rows: rowsOf(
          measured,
          median,
          ({ family }, ratio) => (family === 'plain' ? atMost(1.2, ratio) : undefined),
          (rounds) => `p99 ${figure(quantile(rounds.flat(), 0.99))} ms`,
        ),
      },
    ]
  },
}
