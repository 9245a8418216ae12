import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { useDatabase } from '../support/postgres.ts'
import { openSession, type Session } from '../support/session.ts'

// FUZZ=200 SEED=7 node --run test -- test/limit/fuzz.sql.test.ts: longer, and from a seed that failed.
const ROUNDS = Number(process.env.FUZZ ?? 3)
const FIRST_SEED = Number(process.env.SEED ?? Date.now() % 1e9)
const STEPS = 60

const database = useDatabase({ name: 'limit_fuzz' })

/** Mulberry32: the same numbers for the same seed. */
function dice(seed: number) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (count: number) => Math.floor(next() * count)
  return {
    chance: (share: number) => next() < share,
    below,
    one: <One>(of: readonly One[]) => of[below(of.length)] as One,
  }
}
type Dice = ReturnType<typeof dice>

type Held = { id: string; token: number; door: object }

/** A worker with a session of its own, whose transaction may stay open. */
class Taker {
  readonly id = randomUUID()
  held: Held[] = []
  open = false
  #before: Held[] = []
  readonly #session: Session
  readonly #queues: readonly string[]

  constructor(session: Session, queues: readonly string[]) {
    this.#session = session
    this.#queues = queues
  }

  query = (text: string, values: readonly unknown[] = []) =>
    this.#session.query<{ answer: string }>(text, values)

  async begin() {
    await this.query('begin')
    this.open = true
    this.#before = [...this.held]
  }

  async end(how: 'commit' | 'rollback') {
    await this.query(how)
    this.open = false
    if (how === 'rollback') this.held = this.#before
  }

  async turn(settle: readonly Held[], wanted: number, other?: string): Promise<number> {
    const before = this.held
    this.held = this.held.filter((one) => !settle.includes(one))
    const others = settle.map(({ id, token, door }) => ({
      id,
      token,
      kind: other,
      door,
      delayMs: 0,
      error: {},
    }))
    const answer = await this.query('select celeriac.work_cycle($1, $2, $3, $4, $5, $6, $7, $8) as answer', [
      this.id,
      other === undefined ? settle.map((one) => one.id) : [],
      other === undefined ? settle.map((one) => one.token) : [],
      other === undefined ? settle.map(() => null) : [],
      other === undefined || settle.length === 0 ? null : JSON.stringify(others),
      ['work'],
      wanted,
      JSON.stringify(this.#queues.map((queue) => [queue, []])),
    ]).catch(async (error: unknown) => {
      // Two may make the same lane, or bucket, at once; nobody waits for anything else.
      if (!String(Object(error).where).startsWith('while inserting index tuple')) throw error
      this.held = before
      if (this.open) await this.end('rollback')
      return []
    })
    const [row] = answer
    type Rare = [{ door: object }]
    const [, , , , groups] = JSON.parse(row?.answer ?? '[0,0,0,0,[]]') as [
      0,
      0,
      0,
      0,
      [0, 0, 0, unknown[][]][],
    ]
    const given = groups.flatMap((group) => group[3])
    for (const one of given)
      this.held.push({ id: one[0] as string, token: one[1] as number, door: (one[8] as Rare)[0].door })
    expect(await this.query(OVERDRAWN, [given.map((one) => one[0])])).toEqual([])
    return given.length
  }
}

/** A user's session: what it does stays open for a while. */
async function act(
  session: Session,
  roll: Dice,
  name: string,
  doors: () => object,
  queues: readonly string[],
) {
  const verb = roll.below(10)
  if (verb < 7) {
    const jobs = Array.from({ length: 1 + roll.below(4) }, () => [randomUUID(), [], doors()])
    const shape = {
      queue: roll.one(queues),
      task: 'work',
      priority: roll.one([0, 0, 0, 5]),
      maxAttempts: 1000,
    }
    await session.query('select celeriac.enqueue_jobs($1)', [JSON.stringify([[shape, jobs]])])
  } else if (verb === 7) {
    await session.query('select celeriac.set_limit($1, $2)', [name, { concurrency: roll.one([1, 2, 5]) }])
  } else if (verb === 8) {
    await session.query(
      `select celeriac.cancel_jobs(array(select id from celeriac.jobs where worker_id is null and queue = any ($1) order by id limit 3 for update skip locked), 'fuzz')`,
      [queues],
    )
  } else {
    await session.query(
      `select celeriac.kill_jobs(array(select id from celeriac.jobs where worker_id is not null and queue = any ($1) order by id limit 1 for update skip locked), 'fuzz')`,
      [queues],
    )
  }
}

/** Buckets of what was just taken that hold more than their limit, which one job alone may. As the taker sees it. */
const OVERDRAWN = `
  select mine.name, mine.key, used.units, rule.concurrency
  from (
    select distinct one ->> 0 as name, one ->> 1 as key
    from celeriac.jobs as job, jsonb_array_elements(job.options -> 'door' -> 'limits') as one
    where job.id = any ($1)
  ) as mine
  cross join lateral celeriac.bucket_rule(mine.name, null) as rule
  cross join lateral (
    select sum(coalesce((one -> 2)::int, 1))::int as units, count(*) as jobs
    from celeriac.jobs as job, jsonb_array_elements(job.options -> 'door' -> 'limits') as one
    where job.worker_id is not null and job.lane_id is not null and one ->> 0 = mine.name and one ->> 1 = mine.key
  ) as used
  where used.units > rule.concurrency and used.jobs > 1`

async function round(seed: number): Promise<void> {
  const roll = dice(seed)
  const names = [0, 1, 2].map((one) => `fuzz-${seed}-${one}`)
  for (const name of names)
    await database.query('insert into celeriac.limits (name, declared) values ($1, $2)', [
      name,
      { concurrency: 1 + roll.below(4) },
    ])
  const queues = [`fuzz-${seed}-a`, `fuzz-${seed}-b`]
  const doors = () => ({
    limits: names
      .filter(() => roll.chance(0.5))
      .slice(0, 2)
      .map((name, place) => [
        name,
        place === 0 ? roll.one(['', 'x', 'y', 'z']) : '',
        ...(roll.chance(0.15) ? [1 + roll.below(5)] : []),
      ]),
    ...(roll.chance(0.4) ? { fair: [roll.one(['p', 'q', 'r', 's', 't']), roll.one([1, 2])] } : {}),
  })
  await using user = await openSession(database.url)
  await using second = await openSession(database.url)
  const users = [user, second].map((session) => ({ session, open: false }))
  await using sessionA = await openSession(database.url)
  await using sessionB = await openSession(database.url)
  await using sessionC = await openSession(database.url)
  const takers = [
    new Taker(sessionA, queues),
    new Taker(sessionB, [...queues].reverse()),
    new Taker(sessionC, [queues[0] as string]),
  ]
  for (const taker of takers)
    await database.query(
      `select celeriac.register_worker($1, null, 'taker', 'here', 1, '0', $2, '{work}', 10, true)`,
      [taker.id, queues],
    )
  for (const one of [user, second, sessionA, sessionB, sessionC])
    await one.query(`set lock_timeout = '200ms'`)

  for (let step = 0; step < STEPS; step += 1) {
    if (roll.chance(0.4)) {
      const one = roll.one(users)
      if (one.open) {
        await one.session.query(roll.chance(0.8) ? 'commit' : 'rollback')
        one.open = false
      } else {
        if (roll.chance(0.3) && !takers.some((taker) => taker.open) && !users.some((each) => each.open)) {
          await one.session.query('begin')
          one.open = true
        }
        if (one.open || (!users.some((each) => each.open) && !takers.some((taker) => taker.open)))
          await act(one.session, roll, roll.one(names), doors, queues)
        else if (roll.chance(0.8)) {
          const jobs = [[randomUUID(), [], doors()]]
          await one.session.query('select celeriac.enqueue_jobs($1)', [
            JSON.stringify([[{ queue: roll.one(queues), task: 'work', priority: roll.one([0, 3]) }, jobs]]),
          ])
        }
      }
    } else {
      const taker = roll.one(takers)
      if (taker.open) await taker.end(roll.chance(0.75) ? 'commit' : 'rollback')
      else {
        // Rows that an open transaction holds may be waited for: its worker settles nothing then.
        const alone = !users.some((one) => one.open) && !takers.some((one) => one.open)
        if (roll.chance(0.35)) await taker.begin()
        const settle = alone ? taker.held.filter(() => roll.chance(0.5)) : []
        const kind = roll.one([undefined, undefined, 'held', 'returned', 'errored', 'released'] as const)
        await taker.turn(
          settle.filter((one) => kind !== 'held' || one.door !== undefined),
          roll.one([0, 1, 2, 8]),
          kind,
        )
      }
    }
  }

  for (const one of users) if (one.open) await one.session.query('commit')
  for (const taker of takers) if (taker.open) await taker.end('commit')
  const left = () => database.query('select from celeriac.jobs where queue = any ($1)', [queues])
  const waiting = (await left()).length
  // What goes back stands in the plain line; a real worker would put it into its lane.
  for (let turn = 0; turn < 3 * waiting + 60; turn += 1) {
    const taker = roll.one(takers)
    const plain = taker.held.filter(() => roll.chance(0.9))
    await taker.turn(plain, roll.one([1, 2, 8]))
    if (turn % 10 === 9 && (await left()).length === 0) break
  }
  const rest = await database.query(
    `select job.lane_id, job.priority, job.enqueued_at, job.worker_id is not null as runs, job.run_at, job.options -> 'door' as door,
       lane.state, lane.priority as lane_priority, lane.head_at, lane.full_bucket, lane.due_at
     from celeriac.jobs as job left join celeriac.lanes as lane on lane.id = job.lane_id where job.queue = any ($1)`,
    [queues],
  )
  expect(rest, `SEED=${seed}: ${rest.length} jobs of ${waiting} are stuck`).toEqual([])
}

test('F-53 whatever workers and users do at once, no limit is overdrawn and everything that waits is found', async () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + ROUNDS; seed += 1)
    await round(seed).catch((error: unknown) => {
      throw new Error(`SEED=${seed}`, { cause: error })
    })
}, 600_000)
