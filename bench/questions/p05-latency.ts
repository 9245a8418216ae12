import { type Answer, type Goal, inTurns, known, type Measured, type Question, rowsOf } from '../answer.ts'
import type { Contender } from '../contenders/contender.ts'
import { now, pause } from '../harness/clock.ts'
import type { Remote } from '../harness/remote.ts'
import { median, quantile } from '../harness/statistics.ts'
import type { Lab } from '../lab.ts'

const P50_GOAL_MS = 1.5
const P99_GOAL_MS = 10
const BEGUN_WITHIN_MS = 10_000

interface Sample {
  /** From the call of enqueue to the handler's first line. */
  readonly fromCall: number
  /** From the return of enqueue; negative where the handler was faster than the answer. */
  readonly fromReturn: number
}

/** P5: an idle worker: how long from enqueue to the first line of the handler? */
export const latencyQuestion: Question = { id: 'P5', ask }

async function ask(lab: Lab): Promise<Answer[]> {
  const across = lab.choose('P5')
  const within = across
    .filter(({ openTogether }) => openTogether)
    .map((contender) => ({ ...contender, name: `${contender.name}, worker and producer in one process` }))
  const measured = await inTurns([...across, ...within], lab.sizes.rounds, (contender) =>
    lab.on(contender, async (site) => {
      if (within.includes(contender)) {
        const both = await site.together()
        return sampleLatency(lab, both, both)
      }
      const worker = await site.worker({ reportEach: true })
      const producer = await site.producer()
      return sampleLatency(lab, producer, worker)
    }),
  )
  return [
    tableOf(measured, 'p50', median, P50_GOAL_MS),
    tableOf(measured, 'p99', (values) => quantile(values, 0.99), P99_GOAL_MS),
  ]
}

function tableOf(
  measured: readonly Measured<Sample[]>[],
  name: string,
  of: (values: readonly number[]) => number,
  goalMs: number,
): Answer {
  const goalOf = ({ family }: Contender, _: number, middle: number): Goal | undefined =>
    family === 'celeriac' ? { text: `≤ ${goalMs} ms`, met: known(middle, middle <= goalMs) } : undefined
  return {
    id: 'P5',
    title: `idle latency, call of enqueue to handler start: ${name}`,
    unit: 'ms',
    rows: rowsOf(
      measured,
      (samples) => of(samples.map(({ fromCall }) => fromCall)),
      goalOf,
      (rounds) => {
        const all = rounds.flat()
        return `${all.length} jobs, ${of(all.map(({ fromReturn }) => fromReturn)).toFixed(2)} ms from the return of enqueue`
      },
    ),
  }
}

async function sampleLatency(lab: Lab, producer: Remote, worker: Remote): Promise<Sample[]> {
  // Let both come to rest, and the worker fall asleep.
  await pause(500)
  await sampleOne(producer, worker)
  const samples: Sample[] = []
  const deadline = now() + lab.sizes.latencySeconds * 1000
  while (samples.length < lab.sizes.latencySamples && now() < deadline) {
    await pause(10 + Math.random() * 50)
    samples.push(await sampleOne(producer, worker))
  }
  return samples
}

async function sampleOne(producer: Remote, worker: Remote): Promise<Sample> {
  const begun = new Promise<number>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the job did not begin')), BEGUN_WITHIN_MS)
    worker.onBegun = ({ begunAt }) => {
      clearTimeout(timer)
      resolve(begunAt)
    }
  })
  const [sent, begunAt] = await Promise.all([producer.ask('send', null), begun])
  return { fromCall: begunAt - sent.begunAt, fromReturn: begunAt - sent.returnedAt }
}
