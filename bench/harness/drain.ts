import type { Settings } from '../contenders/contender.ts'
import type { Lab, Site } from '../lab.ts'
import { until } from '../lab.ts'
import { now, pause } from './clock.ts'
import type { Throughput } from './orders.ts'

/** What draining a filled queue gave. */
export interface Drained {
  readonly jobs: number
  /** Jobs per second between the first handler call and the last, over all workers. */
  readonly rate: number
  /** From the start of the worker processes until the store says that nothing is left; NaN when cut short. */
  readonly wallSeconds: number
  /** CPU of the workers, and of the server, while they drained. */
  readonly workerCpuSeconds: number
  readonly serverCpuSeconds: number
  readonly logBytes: number
}

const FIRST_JOB_WITHIN_MS = 30_000
const SETTLED_WITHIN_MS = 15_000

/** How many jobs to fill in, so that a contender drains for about `seconds`, and not more than `most`. */
export function fillFor(site: Site, workers: number, most: number, seconds: number): number {
  return Math.max(10, Math.min(most, Math.ceil(site.contender.expectedRate * workers * seconds * 1.2)))
}

/** Fills jobs in through the contender's own bulk method, in a process that ends afterwards. */
export async function fill(
  site: Site,
  count: number,
  settings: Settings = {},
): Promise<Throughput & { cpuSeconds: number }> {
  const producer = await site.producer(settings)
  const before = await producer.ask('figures', null)
  const filled = await producer.ask('fill', { count, chunk: site.contender.bulkChunk }, 600_000)
  const after = await producer.ask('figures', null)
  await producer.close()
  return { ...filled, cpuSeconds: after.cpuSeconds - before.cpuSeconds }
}

/**
 * Lets `workers` processes drain what was filled in, for at most `sizes.drainSeconds` after the first job, and
 * checks that every job is settled afterwards.
 */
export async function drain(
  lab: Lab,
  site: Site,
  filled: number,
  workers: number,
  settings: Settings = {},
): Promise<Drained> {
  const serverBefore = site.serverCpu()
  const logBefore = await site.log()
  const startedAt = now()
  const remotes = await Promise.all(Array.from({ length: workers }, () => site.worker({ settings })))
  const done = () => remotes.reduce((sum, remote) => sum + remote.count, 0)
  await until(() => done() > 0, FIRST_JOB_WITHIN_MS, 'no job began')
  const deadline = now() + lab.sizes.drainSeconds * 1000
  while (done() < filled && now() < deadline) await pause(10)
  const complete = done() >= filled
  const stoppedAt = now()
  if (complete) await untilSettled(site, filled)
  const wallSeconds = complete ? (now() - startedAt) / 1000 : Number.NaN
  const figures = await Promise.all(remotes.map((remote) => remote.ask('figures', null)))
  const logBytes = (await site.log()) - logBefore
  const serverCpuSeconds = site.serverCpu() - serverBefore
  const ran = figures.filter(({ count }) => count > 0)
  const jobs = ran.reduce((sum, { count }) => sum + count, 0)
  const firstAt = Math.min(...ran.map((figure) => figure.firstAt))
  // Cut short, a slow contender is held to the whole time: the few jobs it ran may lie close together.
  const lastAt = complete ? Math.max(...ran.map((figure) => figure.lastAt)) : stoppedAt
  return {
    jobs,
    rate: (jobs / (lastAt - firstAt)) * 1000,
    wallSeconds,
    workerCpuSeconds: figures.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
    serverCpuSeconds,
    logBytes,
  }
}

async function untilSettled(site: Site, filled: number): Promise<void> {
  const { contender, url } = site
  await until(
    async () => (await contender.census(url)).unsettled === 0,
    SETTLED_WITHIN_MS,
    'every handler ran, but not every job was settled',
  )
  const { settled } = await contender.census(url)
  if (settled !== undefined && settled !== filled)
    throw new Error(`${filled} jobs ran, ${settled} results are kept`)
}
