import { atLeast, inTurns, type Question, rowsOf } from '../answer.ts'
import type { Lab } from '../lab.ts'

const PARALLEL = 4
const PARALLEL_CHUNK = 5_000

/** P4: how fast are many jobs enqueued at once? */
export const bulkQuestion: Question = { id: 'P4', ask }

async function ask(lab: Lab) {
  const { bulkJobs: count, rounds } = lab.sizes
  const contenders = lab.choose('P4')
  const parallel = contenders
    .filter(({ family, variant }) => family === 'celeriac' || (variant === 'tuned' && family !== 'plain'))
    .map((contender) => ({ ...contender, name: `${contender.name}, ${PARALLEL} calls at once` }))
  const measured = await inTurns([...contenders, ...parallel], rounds, (contender) =>
    lab.on(contender, async (site) => {
      const producer = await site.producer()
      await site.rest()
      const way = parallel.includes(contender)
        ? { chunk: PARALLEL_CHUNK, parallel: PARALLEL }
        : { chunk: contender.bulkChunk }
      // The process' first jobs warm it up; the store is the same for all.
      await producer.ask('fill', { count: Math.ceil(count / 20), ...way })
      return producer.ask('fill', { count, ...way }, 600_000)
    }),
  )
  return [
    {
      id: 'P4',
      title: `bulk, ${count} jobs`,
      unit: 'jobs/s',
      rows: rowsOf(
        measured,
        ({ jobs, seconds }) => jobs / seconds,
        (contender, ratio) => {
          if (contender.family === 'celeriac' || parallel.includes(contender)) return undefined
          return atLeast(contender.family === 'plain' ? 0.8 : 1.2, ratio)
        },
      ),
      notes: [
        'The bare insert is one `insert … select from unnest` of all rows; it knows no options and checks nothing.',
        'Default: all jobs in one call. Tuned: the best number per call. At once: several transactions instead of one.',
      ],
    },
  ]
}
