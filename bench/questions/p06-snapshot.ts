import { type Answer, inTurns, known, type Question, rowsOf } from '../answer.ts'
import { now, pause } from '../harness/clock.ts'
import { median } from '../harness/statistics.ts'
import { type Lab, type Site, until } from '../lab.ts'
import { figure } from '../table.ts'

const GOAL = 0.9
const RAMP_MS = 1_000
const MOST_AHEAD = 40_000
const LONGEST = 4

interface Held {
  readonly first: number
  readonly last: number
  readonly jobs: number
  readonly seconds: number
}

/** P6: continuous work while somebody holds a snapshot open: does the rate last? */
export const snapshotQuestion: Question = { id: 'P6', ask }

async function ask(lab: Lab): Promise<Answer[]> {
  const { snapshotWindowSeconds, rounds } = lab.sizes
  const held = lab.choose('P6', ({ store, variant, family }) => {
    return store === 'postgres' && (variant === 'tuned' || family === 'celeriac')
  })
  const free = held
    .filter(({ family }) => family === 'celeriac')
    .map((contender) => ({ ...contender, name: `${contender.name}, nothing held` }))
  const measured = await inTurns([...held, ...free], Math.ceil(rounds / 2), (contender) =>
    lab.on(contender, async (site) => {
      if (!free.includes(contender)) {
        const holder = await site.connect()
        await holder.query('begin isolation level repeatable read')
        await holder.query('select count(*) from pg_class')
      }
      return workOn(lab, site)
    }),
  )
  return [
    {
      id: 'P6',
      title: `a snapshot held open: rate of the last ${snapshotWindowSeconds} s over the first`,
      unit: 'share',
      rows: rowsOf(
        measured,
        ({ first, last }) => last / first,
        (contender, _, middle) =>
          contender.family === 'celeriac' && !free.includes(contender)
            ? { text: `≥ ${GOAL}`, met: known(middle, middle >= GOAL) }
            : undefined,
        (runs) => {
          const of = (pick: (run: Held) => number) => figure(median(runs.map(pick)))
          return `${of(({ first }) => first)} → ${of(({ last }) => last)} jobs/s, ${of(({ jobs }) => jobs)} jobs in ${of(({ seconds }) => seconds)} s`
        },
      ),
      notes: ['A producer process keeps the queue filled while one worker process drains it.'],
    },
  ]
}

async function workOn(lab: Lab, site: Site): Promise<Held> {
  const { snapshotSeconds, snapshotWindowSeconds, snapshotJobs } = lab.sizes
  const worker = await site.worker()
  const producer = await site.producer()
  worker.onCount = () => {
    producer.ask('done', { count: worker.count }).catch(() => {})
  }
  const ahead = Math.min(MOST_AHEAD, site.contender.expectedRate)
  await producer.ask('keepAhead', { ahead, chunk: Math.ceil(ahead / 20) })
  await until(() => worker.count > 0, 30_000, 'no job began')
  await pause(RAMP_MS)
  const begunAt = now()
  const points: { readonly at: number; readonly count: number }[] = []
  const seconds = () => (now() - begunAt) / 1000
  const enough = () =>
    seconds() >= snapshotSeconds && (worker.count >= snapshotJobs || mayStop(site, seconds(), lab))
  while (!enough()) {
    points.push({ at: now(), count: worker.count })
    await pause(50)
  }
  const end = points.at(-1)
  const start = points.at(0)
  if (!start || !end) throw new Error('nothing was measured')
  const window = snapshotWindowSeconds * 1000
  const rateBetween = (from: number, to: number) => {
    const within = points.filter(({ at }) => at >= from && at <= to)
    const [a, b] = [within.at(0), within.at(-1)]
    return a && b ? ((b.count - a.count) / (b.at - a.at)) * 1000 : Number.NaN
  }
  return {
    first: rateBetween(start.at, start.at + window),
    last: rateBetween(end.at - window, end.at),
    jobs: end.count - start.count,
    seconds: (end.at - start.at) / 1000,
  }
}

/** Only celeriac is bound to the number of jobs that the goal names; the others stop after their time. */
function mayStop(site: Site, seconds: number, lab: Lab): boolean {
  return site.contender.family !== 'celeriac' || seconds >= lab.sizes.snapshotSeconds * LONGEST
}
