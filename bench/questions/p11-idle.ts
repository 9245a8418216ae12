import { type Answer, type Goal, inTurns, known, type Question, rowsOf } from '../answer.ts'
import type { Contender } from '../contenders/contender.ts'
import { pause } from '../harness/clock.ts'
import { residentBytes } from '../harness/cpu.ts'
import { Remote } from '../harness/remote.ts'
import type { Lab, Site } from '../lab.ts'
import { countStatements } from '../postgres.ts'

const FLEET = 3
const EACH_GOAL = 0.5
const FLEET_GOAL = 2
const CPU_GOAL = 0.2
const RESIDENT_GOAL = 90

interface Idle {
  readonly statementsPerSecond: number
  readonly cpuPercent: number
  readonly serverCpuPercent: number
  readonly residentMiB: number
}

/** P11: what does a worker cost that has nothing to do? */
export const idleQuestion: Question = { id: 'P11', ask }

async function ask(lab: Lab): Promise<Answer[]> {
  await countStatements(lab.postgres, true)
  try {
    const contenders = lab.choose('P11')
    const fleets = contenders
      .filter(({ family }) => family === 'celeriac')
      .map((contender) => ({ ...contender, name: `${contender.name}, ${FLEET} workers` }))
    const measured = await inTurns([...contenders, ...fleets], 1, (contender) =>
      lab.on(contender, async (site) => {
        await warm(contender)
        return idle(lab, site, fleets.includes(contender) ? FLEET : 1)
      }),
    )
    const [anyone] = contenders
    const harness = anyone ? Math.round(await harnessMiB(anyone)) : Number.NaN
    const one = measured.slice(0, contenders.length)
    const goalFor =
      (goal: number, unit: string) =>
      ({ family }: Contender, _: number, middle: number): Goal | undefined =>
        family === 'celeriac' ? { text: `≤ ${goal} ${unit}`, met: known(middle, middle <= goal) } : undefined
    const statements = measured.filter(({ contender }) => contender.store === 'postgres')
    return [
      {
        id: 'P11',
        title: 'idle: statements of all workers together',
        unit: '1/s',
        rows: rowsOf(
          statements,
          ({ statementsPerSecond }) => statementsPerSecond,
          (contender, _, middle) => {
            const most = EACH_GOAL * (fleets.includes(contender) ? FLEET : 1) + FLEET_GOAL
            return goalFor(most, '/s')(contender, _, middle)
          },
        ),
        notes: [
          `The goal is ${EACH_GOAL}/s for each worker and ${FLEET_GOAL}/s of maintenance for all of them.`,
        ],
      },
      {
        id: 'P11',
        title: 'idle: CPU of one worker process',
        unit: '% of a core',
        rows: rowsOf(
          one,
          ({ cpuPercent }) => cpuPercent,
          goalFor(CPU_GOAL, '%'),
          ([run]) => run && `server ${run.serverCpuPercent.toFixed(2)} %`,
        ),
      },
      {
        id: 'P11',
        title: 'idle: resident memory of one worker process',
        unit: 'MiB',
        rows: rowsOf(one, ({ residentMiB }) => residentMiB, goalFor(RESIDENT_GOAL, 'MiB')),
        notes: [`The harness alone, before it has loaded a contender, holds ${harness} MiB.`],
      },
    ]
  } finally {
    await countStatements(lab.postgres, false)
  }
}

/** Memory of a process of the bench before it has loaded a contender. */
async function harnessMiB(contender: Contender): Promise<number> {
  const remote = new Remote(contender)
  await remote.ask('figures', null)
  const bytes = residentBytes(remote.pid)
  await remote.close()
  return bytes / 2 ** 20
}

/** Lets a process load the contender once, so that those that are measured find its code in the cache. */
async function warm(contender: Contender): Promise<void> {
  const remote = new Remote(contender)
  await remote.ask('load', null)
  await remote.close()
}

async function idle(lab: Lab, site: Site, workers: number): Promise<Idle> {
  const { idleSettleSeconds, idleSeconds } = lab.sizes
  const remotes = await Promise.all(Array.from({ length: workers }, () => site.worker()))
  await pause(idleSettleSeconds * 1000)
  const cpu = async () => {
    const figures = await Promise.all(remotes.map((remote) => remote.ask('figures', null)))
    return figures.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0)
  }
  const [cpuBefore, serverBefore, callsBefore] = [await cpu(), site.serverCpu(), await calls(lab, site)]
  await pause(idleSeconds * 1000)
  const [cpuAfter, serverAfter, callsAfter] = [await cpu(), site.serverCpu(), await calls(lab, site)]
  const resident = remotes.map(({ pid }) => residentBytes(pid) / 2 ** 20)
  return {
    statementsPerSecond: (callsAfter - callsBefore) / idleSeconds,
    cpuPercent: ((cpuAfter - cpuBefore) / idleSeconds / workers) * 100,
    serverCpuPercent: ((serverAfter - serverBefore) / idleSeconds) * 100,
    residentMiB: resident.reduce((sum, mib) => sum + mib, 0) / workers,
  }
}

async function calls(lab: Lab, site: Site): Promise<number> {
  if (site.contender.store !== 'postgres') return Number.NaN
  const [row] = await lab.postgres.admin(
    `select coalesce(sum(calls), 0)::float8 as calls
       from pg_stat_statements join pg_database on pg_database.oid = dbid
      where datname = $1`,
    [new URL(site.url).pathname.slice(1)],
  )
  return Number(row?.calls)
}
