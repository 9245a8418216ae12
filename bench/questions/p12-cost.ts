import {
  type Answer,
  atMost,
  type Goal,
  inTurns,
  known,
  type Measured,
  type Question,
  rowsOf,
} from '../answer.ts'
import type { Contender } from '../contenders/contender.ts'
import { type Drained, drain, fill } from '../harness/drain.ts'
import { median } from '../harness/statistics.ts'
import type { Lab } from '../lab.ts'
import { figure } from '../table.ts'

const CPU_GOAL_SECONDS = 0.028
const LOG_GOAL_BYTES = 1_300

interface Cost {
  readonly filled: number
  readonly fillCpu: { readonly server: number; readonly client: number }
  readonly fillLog: number
  readonly drained: Drained
}

/** P12: CPU and log that a job costs, in the server and in the clients. */
export const costQuestion: Question = { id: 'P12', ask }

async function ask(lab: Lab): Promise<Answer[]> {
  const contenders = lab.choose('P12')
  const measured = await inTurns(contenders, lab.sizes.rounds, (contender) =>
    lab.on(contender, (site) => cost(lab, site)),
  )
  const thousand = (seconds: number, jobs: number) => (seconds / jobs) * 1000
  return [
    tableOf(
      measured,
      'CPU seconds to drain 1,000 jobs, server and worker',
      's',
      ({ drained: { workerCpuSeconds, serverCpuSeconds, jobs } }) =>
        thousand(workerCpuSeconds + serverCpuSeconds, jobs),
      { text: `≤ ${CPU_GOAL_SECONDS} s`, most: CPU_GOAL_SECONDS },
      (runs) =>
        `server ${figure(median(runs.map(({ drained }) => thousand(drained.serverCpuSeconds, drained.jobs))))}, worker ${figure(median(runs.map(({ drained }) => thousand(drained.workerCpuSeconds, drained.jobs))))}`,
    ),
    tableOf(
      measured,
      'CPU seconds to enqueue 1,000 jobs in bulk, server and producer',
      's',
      ({ fillCpu, filled }) => thousand(fillCpu.server + fillCpu.client, filled),
      undefined,
      (runs) =>
        `server ${figure(median(runs.map(({ fillCpu, filled }) => thousand(fillCpu.server, filled))))}, producer ${figure(median(runs.map(({ fillCpu, filled }) => thousand(fillCpu.client, filled))))}`,
    ),
    tableOf(
      measured.filter(({ contender }) => contender.store === 'postgres'),
      'log of a job, bulk enqueue and drain',
      'bytes',
      ({ fillLog, filled, drained }) => fillLog / filled + drained.logBytes / drained.jobs,
      { text: `≤ ${LOG_GOAL_BYTES}`, most: LOG_GOAL_BYTES },
      (runs) =>
        `enqueue ${figure(median(runs.map(({ fillLog, filled }) => fillLog / filled)))}, drain ${figure(median(runs.map(({ drained }) => drained.logBytes / drained.jobs)))}`,
    ),
  ]
}

async function cost(lab: Lab, site: Parameters<Parameters<Lab['on']>[1]>[0]): Promise<Cost> {
  const filled = lab.sizes.costJobs
  await site.rest()
  const [serverBefore, logBefore] = [site.serverCpu(), await site.log()]
  const { cpuSeconds } = await fill(site, filled)
  const [serverAfter, logAfter] = [site.serverCpu(), await site.log()]
  return {
    filled,
    fillCpu: { server: serverAfter - serverBefore, client: cpuSeconds },
    fillLog: logAfter - logBefore,
    // No vacuum and no checkpoint in between: pages written whole after it would be charged to the drain.
    drained: await drain(lab, site, filled, 1),
  }
}

function tableOf(
  measured: readonly Measured<Cost>[],
  title: string,
  unit: string,
  of: (cost: Cost) => number,
  goal: { readonly text: string; readonly most: number } | undefined,
  detail: (costs: readonly Cost[]) => string,
): Answer {
  const goalOf = ({ family, store }: Contender, ratio: number, middle: number): Goal | undefined => {
    if (family === 'celeriac') return goal && { text: goal.text, met: known(middle, middle <= goal.most) }
    return store === 'postgres' ? atMost(1, ratio) : undefined
  }
  return { id: 'P12', title, unit, rows: rowsOf(measured, of, goalOf, detail) }
}
