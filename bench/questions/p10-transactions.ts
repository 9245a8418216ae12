import { type Answer, atLeast, inTurns, type Question, rowsOf } from '../answer.ts'
import type { Contender } from '../contenders/contender.ts'
import type { Lab } from '../lab.ts'

const CONNECTIONS = 48

/** P10: 48 producers, each in a transaction of its own: what does waking a worker cost them? */
export const transactionsQuestion: Question = { id: 'P10', ask }

async function ask(lab: Lab): Promise<Answer[]> {
  const contenders = lab.choose(
    'P10',
    ({ store, variant, family }) => store === 'postgres' && (variant === 'tuned' || family !== 'graphile'),
  )
  const silent = contenders
    .filter(({ family }) => family === 'celeriac')
    .map((contender) => ({ ...contender, name: `${contender.name}, without a wake-up` }))
  const measured = await inTurns([...contenders, ...silent], lab.sizes.rounds, (contender) =>
    lab.on(contender, async (site) => {
      const settings = silent.includes(contender) ? { wakeUp: false } : {}
      const producer = await site.producer(settings)
      await site.rest()
      if (contender.family !== 'plain') await site.worker({ settings })
      return producer.ask('transactions', {
        url: site.url,
        connections: CONNECTIONS,
        seconds: lab.sizes.transactionSeconds,
      })
    }),
  )
  return [
    {
      id: 'P10',
      title: `${CONNECTIONS} connections: begin, enqueue, commit, beside one worker process`,
      unit: 'jobs/s',
      rows: rowsOf(
        measured,
        ({ jobs, seconds }) => jobs / seconds,
        (contender: Contender, ratio) => (silent.includes(contender) ? atLeast(0.9, ratio) : undefined),
        () => undefined,
      ),
      notes: [
        'Without a wake-up nobody sends a NOTIFY, and the worker looks every 5 ms: the same work, woken by nothing.',
        'pg-boss wakes workers in its tuned form only; graphile always does. The bare insert has no worker beside it.',
      ],
    },
  ]
}
