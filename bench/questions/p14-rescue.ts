import { type Answer, inTurns, known, type Measured, type Question, type Row } from '../answer.ts'
import { now, pause } from '../harness/clock.ts'
import type { Remote } from '../harness/remote.ts'
import { median, quantile } from '../harness/statistics.ts'
import { type Lab, type Site, until } from '../lab.ts'

const FLEET = 3
const GOAL_SECONDS = 3
/** Longer than the interval of heartbeats, so that kills meet every moment of it. */
const LONGEST_HOLD_MS = 3_500
const BEGUN_WITHIN_MS = 10_000
const RESCUED_WITHIN_MS = 60_000

interface Kill {
  /** From the kill to the first line of the next attempt's handler. */
  readonly seconds: number
  /** Whether the process did the maintenance of the installation: somebody else had to notice that first. */
  readonly led: boolean
}

interface Start {
  readonly worker: Remote
  readonly sentAt: number
  readonly begunAt: number
}

/** P14: the process that runs a job is killed with SIGKILL: how long until the job runs elsewhere? */
export const rescueQuestion: Question = { id: 'P14', ask }

async function ask(lab: Lab): Promise<Answer[]> {
  const contenders = lab.choose('P14', ({ family }) => family === 'celeriac')
  const measured = await inTurns(contenders, 1, (contender) =>
    lab.on(contender, (site) => killInTurn(site, lab.sizes.rescueKills)),
  )
  return [
    {
      id: 'P14',
      title: 'kill -9 to the start of the next attempt in another process',
      unit: 's',
      rows: measured.flatMap(rowsFor),
      notes: [
        `${FLEET} worker processes; the one that runs the job is killed within ${LONGEST_HOLD_MS / 1000} s of its start, and replaced.`,
        'Peers at their defaults are not waited for: graphile-worker gives a job up after 4 h, looked at every 8 to 10 min;',
        'pg-boss after 15 min, looked at every 60 s; BullMQ after 30 s, looked at every 30 s.',
      ],
    },
  ]
}

function rowsFor({ contender, values, failure }: Measured<Kill[]>): Row[] {
  const kills = values.flat()
  const all = kills.map(({ seconds }) => seconds)
  const led = kills.filter((kill) => kill.led).map(({ seconds }) => seconds)
  const p99 = quantile(all, 0.99)
  return [
    {
      name: contender.name,
      samples: all,
      goal: { text: `p99 ≤ ${GOAL_SECONDS} s`, met: known(p99, p99 <= GOAL_SECONDS) },
      detail: `p50 ${seconds(median(all))}, p99 ${seconds(p99)}, max ${seconds(Math.max(...all))} of ${all.length} kills`,
      ...(failure === undefined ? {} : { failure }),
    },
    ...(led.length > 0
      ? [{ name: `${contender.name}, where it led maintenance`, samples: led, detail: `${led.length} kills` }]
      : []),
  ]
}

const seconds = (value: number): string => `${value.toFixed(2)} s`

async function killInTurn(site: Site, times: number): Promise<Kill[]> {
  const starts: Start[] = []
  const hire = async (): Promise<void> => {
    const worker = await site.worker({ hold: true })
    worker.onBegun = (job) => starts.push({ worker, ...job })
  }
  const leader = await followLeader(site)
  const producer = await site.producer()
  await Promise.all(Array.from({ length: FLEET }, hire))
  const kills: Kill[] = []
  while (kills.length < times) {
    starts.length = 0
    await producer.ask('send', null)
    await until(() => starts.length === 1, BEGUN_WITHIN_MS, 'the job did not begin')
    await pause(Math.random() * LONGEST_HOLD_MS)
    const [first] = starts as [Start]
    const led = (await leader()) === first.worker.pid
    const killedAt = now()
    first.worker.kill()
    await until(() => starts.length > 1, RESCUED_WITHIN_MS, 'nobody rescued the job')
    const next = starts[1] as Start
    if (next.sentAt !== first.sentAt) throw new Error('another job began')
    kills.push({ seconds: (next.begunAt - killedAt) / 1000, led })
    await next.worker.ask('release', null)
    await hire()
  }
  return kills
}

/** Who leads says so with every round; gives the process id of who did last. */
async function followLeader(site: Site): Promise<() => Promise<number | undefined>> {
  const client = await site.connect()
  let last: string | undefined
  client.on('notification', ({ payload }) => {
    if (payload?.startsWith('l ')) last = payload.slice(2)
  })
  const { rows } = await client.query('select celeriac.channel() as channel')
  await client.query(`listen ${rows[0]?.channel}`)
  return async () => {
    const found = await client.query('select pid from celeriac.workers where id = $1', [last])
    return found.rows[0]?.pid
  }
}
