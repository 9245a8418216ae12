import { describe, expect, test } from 'vitest'
import { useDatabase } from '../support/postgres.ts'
import { openSession, type Session } from '../support/session.ts'
import { until } from '../support/until.ts'
import {
  aFlowSituation,
  clearFlow,
  FLOW_REMOVING,
  FLOW_VERBS,
  type FlowSituation,
  findCrowds,
  openAll,
  workOff,
} from './flow-races.ts'
import { begin, blockedOrOver, seeded, shuffled } from './racing.ts'
import { placesOf } from './row-races.ts'

const database = useDatabase({ name: 'flow_races' })
const MINUTE = 60_000
const names = Object.keys(FLOW_VERBS)

const lock =
  (text: string, pick: (situation: FlowSituation) => string | null = () => null) =>
  (session: Session, situation: FlowSituation): Promise<unknown> => {
    const value = pick(situation)
    return session.query(`${text} for update`, value === null ? [] : [value])
  }

/** Rows locked by somebody whom both verbs have to wait for, or pass. */
const HOLDS: Readonly<Record<string, (session: Session, situation: FlowSituation) => Promise<unknown>>> = {
  'a running job': lock('select from celeriac.jobs where id = $1', ({ running }) => running),
  'a job in a lane': lock('select from celeriac.jobs where id = $1', ({ waiting }) => waiting),
  'the job that has a key': lock('select from celeriac.jobs where id = $1', ({ keyed }) => keyed),
  'the key': lock('select from celeriac.unique_keys'),
  'the lanes': lock('select from celeriac.lanes'),
  'the buckets': lock('select from celeriac.buckets'),
  'the limits': lock('select from celeriac.limits'),
  'the settings': lock('select from celeriac.settings'),
  'the worker': lock('select from celeriac.workers where id = $1', ({ worker }) => worker),
}

/**
 * `one` comes to the held rows first and `two` from the other end; then they are let go.
 *
 * @returns what went wrong; null when `one` has no need of those rows
 */
async function race(
  [holder, left, right]: readonly [Session, Session, Session],
  [one, two]: readonly [string, string],
  hold: string,
): Promise<string[] | null> {
  const what = `${one} and ${two} on ${hold}`
  const situation = await aFlowSituation(database, 'race1')
  await holder.query('begin')
  await HOLDS[hold]?.(holder, situation)
  const first = begin(left, FLOW_VERBS, one, situation)
  await blockedOrOver(database, first)
  const stood = !first.ended
  const reversed = { ...situation, ids: [...situation.ids].reverse() }
  const second = stood ? begin(right, FLOW_VERBS, two, reversed) : first
  await blockedOrOver(database, second)
  await holder.query('rollback')
  const errors = (await Promise.all([first.outcome, second.outcome])).filter((error) => error !== null)
  const removes = FLOW_REMOVING.has(one) || FLOW_REMOVING.has(two)
  const places = await placesOf(database, situation.ids)
  const wrong = [
    ...errors.map((error) => `${what}: ${String(error)}`),
    ...(await findCrowds(database)).map((crowd) => `${what}: ${crowd}`),
    ...places
      .filter(({ places: n }) => n > 1 || (n === 0 && !removes))
      .map(({ id, places: n }) => `${what}: ${id} is in ${n} places`),
  ]
  await clearFlow(database)
  return stood || wrong.length > 0 ? wrong : null
}

describe.each(names)('%s', (one) => {
  test(
    'and any other verb on the same limited jobs end in order, whoever comes first (F-52)',
    async () => {
      await using holder = await openSession(database.url)
      await using left = await openSession(database.url)
      await using right = await openSession(database.url)
      const wrong: string[] = []
      for (const hold of Object.keys(HOLDS)) {
        for (const two of names) {
          const found = await race([holder, left, right], [one, two], hold)
          if (found === null) break
          wrong.push(...found)
        }
      }
      expect(wrong).toEqual([])
    },
    4 * MINUTE,
  )
})

const SESSIONS = 8
const CALLS = 120

test(
  'any verbs at random on limited jobs end without a deadlock, exceed no limit, and leave nothing stuck (F-52, F-53)',
  async () => {
    const situations = [await aFlowSituation(database, 'random1'), await aFlowSituation(database, 'random2')]
    const known = new Set(situations.flatMap(({ ids }) => ids))
    let over = false
    const crowds = new Set<string>()
    const watch = async (): Promise<void> => {
      await using session = await openSession(database.url)
      while (!over) for (const crowd of await findCrowds(session)) crowds.add(crowd)
    }
    const watched = watch()
    const wrong = await Promise.all(
      Array.from({ length: SESSIONS }, async (_, seat) => {
        await using session = await openSession(database.url)
        const random = seeded(seat + 1)
        const failed: string[] = []
        for (let count = 0; count < CALLS; count += 1) {
          const situation = situations[random(situations.length)]
          // Half of it is the work that all others get in the way of.
          const verb = random(2) === 0 ? ['turn', 'enqueue'][random(2)] : names[random(names.length)]
          if (situation === undefined || verb === undefined) continue
          const rows = await session.query<{ id: string }>('select id from celeriac.jobs limit 200')
          for (const { id } of rows) known.add(id)
          const ids = shuffled([...known].slice(-60), random).slice(0, 2 + random(10))
          const error = await begin(session, FLOW_VERBS, verb, { ...situation, ids }).outcome
          if (error !== null) failed.push(String(error))
        }
        return failed
      }),
    )
    over = true
    await watched
    expect(wrong.flat()).toEqual([])
    expect([...crowds]).toEqual([])

    await using session = await openSession(database.url)
    await openAll(session)
    const [first] = situations
    if (first === undefined) return
    await until(
      async () => {
        await FLOW_VERBS.rescue?.(session, first)
        for (const { accuser } of situations) await workOff(session, accuser)
        const [row] = await session.query<{ count: number }>('select count(*)::int from celeriac.jobs')
        return row?.count === 0
      },
      { timeoutMs: MINUTE, what: 'every job to end' },
    )
    await clearFlow(database)
  },
  4 * MINUTE,
)
