import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { edgeFaults } from '../support/edge-faults.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession, type Session } from '../support/session.ts'
import { aRacedCanvas } from './canvas-races.ts'
import { begin, blockedOrOver, seeded, shuffled } from './racing.ts'
import { aSituation, clear, placesOf, REMOVING, type Situation, VERBS } from './row-races.ts'

const database = useDatabase()
const MINUTE = 60_000
const names = Object.keys(VERBS)

/** One row of a situation, locked by somebody whom both verbs have to wait for, or pass. */
const HOLDS: Readonly<Record<string, (session: Session, situation: Situation) => Promise<unknown>>> = {
  'a running job': (session, { running }) =>
    session.query('select from celeriac.jobs where id = $1 for update', [running]),
  'a pending job': (session, { pending }) =>
    session.query('select from celeriac.jobs where id = $1 for update', [pending]),
  'the worker': (session, { worker }) =>
    session.query('select from celeriac.workers where id = $1 for update', [worker]),
  'a result': (session, { settled }) =>
    session.query('select from celeriac.results where id = $1 for update', [settled]),
  'an attempt': (session, { settled }) =>
    session.query('select from celeriac.attempts where job_id = $1 for update', [settled]),
  'a node that runs': (session, { canvas }) =>
    session.query('select from celeriac.jobs where id = $1 for update', [canvas.step]),
  'a node three below': (session, { canvas }) =>
    session.query('select from celeriac.jobs where id = $1 for update', [canvas.deepest]),
  'a group that has failed': (session, { canvas }) =>
    session.query('select from celeriac.results where id = $1 for update', [canvas.fallenGroup]),
  'a canvas': (session, { canvas }) =>
    session.query('select from celeriac.workflows where id = $1 for update', [canvas.workflow]),
  'edges of a node': (session, { canvas }) =>
    session.query('select from celeriac.dependencies where parent_id = $1 for update', [canvas.member]),
  'an id that is being inserted': (session, { fresh, queue }) =>
    session.query(
      `insert into celeriac.jobs (id, enqueued_at, queue, task, args) values ($1, now(), $2, 'work', '[]')`,
      [fresh[1], queue],
    ),
}

/**
 * `one` comes to the held row first and `two` from the other end; then the row is let go.
 *
 * @returns what went wrong; null when `one` has no need of that row
 */
async function race(
  [holder, left, right]: readonly [Session, Session, Session],
  [one, two]: readonly [string, string],
  hold: string,
): Promise<string[] | null> {
  const what = `${one} and ${two} on ${hold}`
  const situation = await aSituation(database, what, { prunable: hold !== 'an attempt' })
  await holder.query('begin')
  await HOLDS[hold]?.(holder, situation)
  const first = begin(left, VERBS, one, situation)
  await blockedOrOver(database, first)
  const stood = !first.ended
  const second = stood ? begin(right, VERBS, two, { ...situation, ids: [...situation.ids].reverse() }) : first
  await blockedOrOver(database, second)
  await holder.query('rollback')
  const errors = (await Promise.all([first.outcome, second.outcome])).filter((error) => error !== null)
  const places = await placesOf(database, situation.ids)
  const faults = await edgeFaults(database)
  await clear(database)
  const wrong = [
    ...errors.map((error) => `${what}: ${String(error)}`),
    ...faults.map((fault) => `${what}: ${fault}`),
    ...places
      .filter(
        ({ id, places: n }) => n > 1 || (n === 0 && !mayBeNowhere(id, situation, stood ? [one, two] : [one])),
      )
      .map(({ id, places: n }) => `${what}: ${id} is in ${n} places`),
  ]
  return stood || wrong.length > 0 ? wrong : null
}

function mayBeNowhere(id: string, { fresh }: Situation, verbs: readonly string[]): boolean {
  return (
    verbs.some((verb) => REMOVING.has(verb)) ||
    (fresh.includes(id) && !verbs.includes('enqueue') && !(verbs.includes('start') && id === fresh[1]))
  )
}

describe.each(names)('%s', (one) => {
  test(
    'and any other verb on the same rows end in order, whoever comes first (F-52)',
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
    2 * MINUTE,
  )
})

const SESSIONS = 8
const CALLS = 150

test(
  'any verbs at random on overlapping rows in any order end without a deadlock (F-52)',
  async () => {
    expect(await atRandom(names.filter((name) => name !== 'rerun'))).toEqual([])
  },
  2 * MINUTE,
)

// A node that is brought back has a new row, which those do not see that began to lock before. When two of them meet at it,
// the server ends one, and whoever sent it sends it again (Database.query).
test(
  'nodes that are brought back in the midst of it are counted all the same (F-52)',
  async () => {
    const errors = await atRandom(names)
    expect(errors.filter((error) => !error.includes('40P01'))).toEqual([])
    expect(errors.length).toBeLessThan((SESSIONS * CALLS) / 50)
  },
  2 * MINUTE,
)

/** What went wrong with calls of all kinds, and with what they have left. */
async function atRandom(verbs: readonly string[]): Promise<string[]> {
  const situations = [await aSituation(database, 'random-0'), await aSituation(database, 'random-1')]
  const jobs = situations.flatMap(({ ids, canvas }) => ids.filter((id) => !canvas.ids.includes(id)))
  const wrong = await Promise.all(
    Array.from({ length: SESSIONS }, async (_, seat) => {
      await using session = await openSession(database.url)
      const random = seeded(seat + 1)
      const failed: string[] = []
      for (let count = 0; count < CALLS; count += 1) {
        const place = random(situations.length)
        const verb = verbs[random(verbs.length)]
        const situation = situations[place]
        if (situation === undefined || verb === undefined) continue
        // What others have removed runs again, and what has ended begins anew: the rows are never used up.
        if (random(3) === 0) await revive(session, situation, jobs[random(jobs.length)])
        if (random(12) === 0) {
          const canvas = await aRacedCanvas(database, situation.queue, situation.worker)
          situations[place] = { ...situation, canvas }
        }
        const nodes = situations.flatMap(({ canvas }) => canvas.ids)
        const ids = [...jobs, ...nodes]
        const some = shuffled(ids, random).slice(0, 2 + random(ids.length))
        const canvas = { ...situation.canvas, ids: nodes }
        const fresh = ['', randomUUID()]
        const error = await begin(session, VERBS, verb, { ...situation, canvas, fresh, ids: some }).outcome
        if (error !== null) failed.push(String(error))
      }
      return failed
    }),
  )
  const faults = await edgeFaults(database)
  await clear(database)
  return [...wrong.flat(), ...faults]
}

/** Lets a job that is nowhere any more run under the situation's worker. */
async function revive(session: Session, { worker, queue }: Situation, id: string | undefined): Promise<void> {
  await session.query(
    `insert into celeriac.workers (id, name, host, pid, version, queues, tasks, concurrency, started_at, heartbeat_at,
        postmaster_started_at, lost_at)
      values ($1, 'w', 'h', 1, '0', '{}', '{}', 1, now(), now(), now(), now()) on conflict do nothing`,
    [worker],
  )
  await session.query('select celeriac.enqueue_jobs($1)', [
    JSON.stringify([[{ queue, task: 'work', givenId: true }, [[id, []]]]]),
  ])
  await session.query(
    'update celeriac.jobs set worker_id = $2, token = token + 1 where id = $1 and worker_id is null',
    [id, worker],
  )
}
