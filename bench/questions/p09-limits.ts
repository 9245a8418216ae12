import { type Answer, atLeast, inTurns, known, type Question, rowsOf } from '../answer.ts'
import type { Contender, Limit } from '../contenders/contender.ts'
import { type Drained, drain, fill } from '../harness/drain.ts'
import type { Lab } from '../lab.ts'
import { figure } from '../table.ts'

/** One that is never met: what is measured is what it costs to ask. */
const WIDE_RATE = 1_000
const QUEUE_RATE = 2_000
const NEAR = 0.95

/** P9: how fast do jobs run that are limited by key, and how near does a rate come to what it grants? */
export const limitsQuestion: Question = {
  id: 'P9',
  ask: async (lab) => {
    const { limitKeys: keys } = lab.sizes
    const slots: Limit = { kind: 'slots', grant: 1, keys }
    const rate: Limit = { kind: 'rate', grant: WIDE_RATE, keys }
    return [
      await keyed(lab, slots, `${figure(keys)} keys, one job at a time for each`),
      await keyed(lab, rate, `${figure(keys)} keys, ${figure(WIDE_RATE)} starts per second for each`),
      await near(lab),
    ]
  },
}

async function keyed(lab: Lab, limit: Limit, title: string): Promise<Answer> {
  const limited = lab.choose(
    'P9',
    ({ family, variant }) =>
      family === 'celeriac' || (family === 'pgboss' && variant === 'tuned' && limit.kind === 'slots'),
  )
  const plain = limited.map((contender) => ({ ...contender, name: `${contender.name}, without a limit` }))
  const measured = await inTurns([...limited, ...plain], lab.sizes.rounds, (contender) =>
    measure(lab, contender, lab.sizes.limitedJobs, plain.includes(contender) ? undefined : limit),
  )
  return {
    id: 'P9',
    title: `${title}, one worker process`,
    unit: 'jobs/s',
    rows: rowsOf(
      measured,
      ({ rate }) => rate,
      (contender, ratio) =>
        contender.family === 'pgboss' && !plain.includes(contender) ? atLeast(1, ratio) : undefined,
      ([first]) => first && `${first.jobs} jobs`,
    ),
    notes: [
      'Jobs have the keys in turn and are all there when the worker starts. BullMQ has keys (groups) only for those who pay.',
      "pg-boss' groups let more run than they should for a moment; a row of few jobs was cut short.",
    ],
  }
}

async function near(lab: Lab): Promise<Answer> {
  const limit: Limit = { kind: 'rate', grant: QUEUE_RATE, keys: 1 }
  const contenders = lab.choose(
    'P9',
    ({ family, variant }) => family === 'celeriac' || (family === 'bullmq' && variant === 'tuned'),
  )
  const jobs = QUEUE_RATE * Math.max(1, Math.floor(lab.sizes.drainSeconds * 0.8))
  const measured = await inTurns(contenders, lab.sizes.rounds, (contender) =>
    measure(lab, contender, jobs, limit),
  )
  return {
    id: 'P9',
    title: `one rate of ${figure(QUEUE_RATE)} starts per second for all jobs, one worker process`,
    unit: 'jobs/s',
    rows: rowsOf(
      measured,
      ({ rate }) => rate,
      ({ family }, _ratio, middle) =>
        family === 'celeriac'
          ? { text: `≥ ${NEAR} of it, never more`, met: known(middle, middle >= QUEUE_RATE * NEAR) }
          : undefined,
      ([first]) => first && `${first.jobs} jobs`,
    ),
    notes: [
      'celeriac spaces starts evenly, to 50 ms, and counts a sliding window; BullMQ counts from the first start of a second.',
    ],
  }
}

function measure(lab: Lab, contender: Contender, jobs: number, limit: Limit | undefined): Promise<Drained> {
  const settings = limit === undefined ? {} : { limit }
  return lab.on(contender, async (site) => {
    await fill(site, jobs, settings)
    await site.rest()
    return drain(lab, site, jobs, 1, settings)
  })
}
