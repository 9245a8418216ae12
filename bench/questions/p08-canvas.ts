import { type Answer, atLeast, inTurns, known, type Measured, type Question, rowsOf } from '../answer.ts'
import { jobsIn, type Shape } from '../contenders/contender.ts'
import { type Drained, drain } from '../harness/drain.ts'
import type { Lab, Site } from '../lab.ts'
import { figure } from '../table.ts'

const START_GOAL_MS = 1_000
const WARM_UP: Shape = { kind: 'chord', size: 50 }

interface Measure {
  readonly startMs: number
  readonly drained: Drained
}

/** P8: how fast do jobs run that wait for each other, and how fast are many of them started? */
export const canvasQuestion: Question = {
  id: 'P8',
  ask: async (lab) => {
    const { chordMembers, chainSteps, chains } = lab.sizes
    const chord = await ask(lab, { kind: 'chord', size: chordMembers }, `a chord of ${chordMembers}`)
    const chain = await ask(lab, { kind: 'chain', size: chainSteps }, `a chain of ${chainSteps}`)
    const many = await ask(lab, { kind: 'chains', count: chains, size: 3 }, `${chains} chains of 3`)
    return [...chord, ...chain, ...many]
  },
}

async function ask(lab: Lab, shape: Shape, title: string): Promise<Answer[]> {
  const canvases = lab.choose(
    'P8',
    ({ family, variant }) =>
      family === 'celeriac' || family === 'bullmq' || (family === 'pgboss' && variant === 'tuned'),
  )
  const plain = canvases
    .filter(({ family }) => family === 'celeriac')
    .map((contender) => ({ ...contender, name: `${contender.name}, as many plain jobs` }))
  const measured = await inTurns([...canvases, ...plain], lab.sizes.rounds, (contender) =>
    lab.on(contender, (site) => measure(lab, site, shape, plain.includes(contender))),
  )
  const isSequential = shape.kind === 'chain'
  return [
    {
      id: 'P8',
      title: `${title}, one worker process`,
      unit: 'jobs/s',
      rows: rowsOf(
        measured,
        ({ drained }) => drained.rate,
        (contender, ratio) => (plain.includes(contender) && !isSequential ? atLeast(0.5, ratio) : undefined),
        ([first]) => first && `${first.drained.jobs} jobs`,
      ),
      notes: [
        isSequential
          ? 'One job at a time: each step is a settling, a claim and the reading of a value, and so is no measure of throughput.'
          : 'The goal is against plain jobs of the same number. What waits is given the values of what it waited for.',
        'pg-boss hands no values on, and looks once a second at what waits; a row of few jobs was cut short.',
      ],
    },
    startOf(
      measured.filter(({ contender }) => !plain.includes(contender)),
      `starting ${title}`,
    ),
  ]
}

function startOf(measured: readonly Measured<Measure>[], title: string): Answer {
  return {
    id: 'P8',
    title,
    unit: 'ms',
    rows: rowsOf(
      measured,
      ({ startMs }) => startMs,
      ({ family }, _ratio, middle) =>
        family === 'celeriac'
          ? {
              text: `≤ ${figure(START_GOAL_MS)} ms for 10 k nodes`,
              met: known(middle, middle <= START_GOAL_MS),
            }
          : undefined,
      (runs) =>
        runs.length > 1 ? `best ${figure(Math.min(...runs.map(({ startMs }) => startMs)))}` : undefined,
    ),
    notes: [
      'One call, all or nothing: celeriac sends one statement. The process has started a small one before.',
    ],
  }
}

async function measure(lab: Lab, site: Site, shape: Shape, plain: boolean): Promise<Measure> {
  const producer = await site.producer()
  const jobs = jobsIn(shape)
  const warm = await producer.ask('canvas', WARM_UP)
  const { seconds } = plain
    ? await producer.ask('fill', { count: jobs, chunk: site.contender.bulkChunk })
    : await producer.ask('canvas', shape)
  await producer.close()
  await site.rest()
  return { startMs: seconds * 1_000, drained: await drain(lab, site, warm.jobs + jobs, 1) }
}
