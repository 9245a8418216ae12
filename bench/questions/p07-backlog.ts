import { type Answer, inTurns, known, type Question, rowsOf } from '../answer.ts'
import { copyRows } from '../harness/copy.ts'
import { fill } from '../harness/drain.ts'
import { median } from '../harness/statistics.ts'
import { type Lab, type Site, until } from '../lab.ts'
import { figure } from '../table.ts'

const GOAL = 0.9

interface Shares {
  readonly small: readonly number[]
  readonly large: readonly number[]
}

/** P7: does a large backlog, or a long past, slow down the first jobs? */
export const backlogQuestion: Question = { id: 'P7', ask }

async function ask(lab: Lab): Promise<Answer[]> {
  const { firstJobs, backlogJobs, scheduledJobs, settledJobs, backlogRepeats } = lab.sizes
  const contenders = lab.choose(
    'P7',
    ({ copies, family, variant }) => copies !== undefined && (variant === 'tuned' || family === 'celeriac'),
  )
  const measured = await inTurns(contenders, 1, (contender) =>
    lab.on(contender, async (large) => {
      await fillHistory(lab, large)
      const shares = { small: [] as number[], large: [] as number[] }
      for (let repeat = 0; repeat < backlogRepeats; repeat++) {
        shares.small.push(await lab.on(contender, (small) => rateWithFewJobs(lab, small)))
        shares.large.push(await rateOfFirst(large, firstJobs))
      }
      return shares
    }),
  )
  const share = ({ small, large }: Shares) => median(large) / median(small)
  return [
    {
      id: 'P7',
      title: `first ${firstJobs} jobs with ${backlogJobs} due, ${scheduledJobs} scheduled, ${settledJobs} results`,
      unit: 'share',
      rows: rowsOf(
        measured,
        share,
        ({ family }, _, middle) =>
          family === 'celeriac' ? { text: `≥ ${GOAL}`, met: known(middle, middle >= GOAL) } : undefined,
        ([run]) =>
          run &&
          `${figure(median(run.small))} jobs/s with ${firstJobs} jobs, ${figure(median(run.large))} with the rest`,
      ),
      notes: [
        `Rate of the first ${firstJobs} jobs, medians of ${backlogRepeats} starts of a worker in turns.`,
      ],
    },
  ]
}

async function rateWithFewJobs(lab: Lab, site: Site): Promise<number> {
  // Half as many again, so that a contender which takes thousands at once is measured to the next time it does.
  await fill(site, Math.ceil(lab.sizes.firstJobs * 1.5))
  await site.rest()
  return rateOfFirst(site, lab.sizes.firstJobs)
}

async function rateOfFirst(site: Site, jobs: number): Promise<number> {
  const worker = await site.worker({ mark: jobs + 1 })
  await until(() => worker.count > jobs, 120_000, `${jobs} jobs did not begin`)
  const { firstAt, markAt } = await worker.ask('figures', null)
  await worker.close()
  return (jobs / (markAt - firstAt)) * 1000
}

/** Lets the contender write one row of each kind, and copies those. */
async function fillHistory(lab: Lab, site: Site): Promise<void> {
  const { copies } = site.contender
  if (!copies) throw new Error('has no tables to fill')
  const client = await site.connect()
  const producer = await site.producer()
  const worker = await site.worker()
  await producer.ask('send', null)
  await until(
    async () => (await site.contender.census(site.url)).unsettled === 0,
    30_000,
    'the first job stays',
  )
  await worker.close()
  await producer.ask('send', null)
  await producer.close()
  if (copies.settled) await copyRows(client, copies.settled, lab.sizes.settledJobs)
  await copyRows(client, copies.scheduled, lab.sizes.scheduledJobs)
  await copyRows(client, copies.due, lab.sizes.backlogJobs)
  await site.rest()
}
