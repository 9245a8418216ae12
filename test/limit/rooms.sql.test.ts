import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { aQueue } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'
import { until } from '../support/until.ts'

const database = useDatabase({ name: 'limit_rooms' })

/** A worker that takes what it is given, turn by turn. */
async function aTaker(queue: string) {
  const id = randomUUID()
  await database.query(
    `select celeriac.register_worker($1, null, 'taker', 'here', 1, '0', array[$2], '{work}', 10, true)`,
    [id, queue],
  )
  const held: { id: string; token: number }[] = []
  let next = Number.POSITIVE_INFINITY
  return {
    id,
    /** In how many ms it is to look again, as the last turn said. */
    get next() {
      return next
    },
    /** Settles as many as that, oldest first, and takes what is given; returns how many. */
    async turn(settle: number, wanted: number, through = database): Promise<number> {
      const ended = held.splice(0, settle)
      const [row] = await through.query<{ answer: string }>(
        `select celeriac.work_cycle($1, $2, $3, $4, null, '{work}', $5, jsonb_build_array(jsonb_build_array($6::text, '[]'::jsonb))) as answer`,
        [id, ended.map((one) => one.id), ended.map((one) => one.token), ended.map(() => null), wanted, queue],
      )
      const [, , nextMs, , groups] = JSON.parse(row?.answer ?? '[]') as [
        0,
        0,
        number | null,
        0,
        [0, 0, 0, [string, number][]][],
      ]
      next = nextMs ?? Number.POSITIVE_INFINITY
      const given = groups.flatMap((group) => group[3]).map(([job, token]) => ({ id: job, token }))
      held.push(...given)
      return given.length
    },
    get holds() {
      return held.length
    },
  }
}

type Limit = readonly [name: string, key: string, units?: number]

async function arrive(queue: string, limits: readonly Limit[], count = 1): Promise<void> {
  const jobs = Array.from({ length: count }, () => [randomUUID(), [], { limits }])
  await database.query('select celeriac.enqueue_jobs($1)', [
    JSON.stringify([[{ queue, task: 'work' }, jobs]]),
  ])
}

async function aLimit(settings: object): Promise<string> {
  const name = `limit-${randomUUID()}`
  await database.query('insert into celeriac.limits (name, declared) values ($1, $2)', [name, settings])
  return name
}

describe('what is in lanes', () => {
  test('F-53 runs at most as often as the limit says, and goes on as soon as one ends', async () => {
    const [queue, name] = [aQueue(), await aLimit({ concurrency: 5 })]
    await arrive(queue, [[name, '']], 12)
    const taker = await aTaker(queue)
    expect(await taker.turn(0, 10)).toBe(5)
    expect(await taker.turn(0, 10)).toBe(0)
    expect(await taker.turn(2, 10)).toBe(2)
    expect(await taker.turn(5, 10)).toBe(5)
    expect(await taker.turn(5, 10)).toBe(0)
  })

  test('each key has the limit for itself', async () => {
    const [queue, name] = [aQueue(), await aLimit({ concurrency: 1 })]
    for (const key of ['a', 'b', 'c']) await arrive(queue, [[name, key]], 3)
    const taker = await aTaker(queue)
    expect(await taker.turn(0, 10)).toBe(3)
    expect(await taker.turn(3, 10)).toBe(3)
  })

  test('passes all of several limits, and none is overdrawn by lanes that share it', async () => {
    const [queue, own, shared] = [
      aQueue(),
      await aLimit({ concurrency: 2 }),
      await aLimit({ concurrency: 3 }),
    ]
    for (const key of ['a', 'b', 'c'])
      await arrive(
        queue,
        [
          [own, key],
          [shared, ''],
        ],
        4,
      )
    const taker = await aTaker(queue)
    expect(await taker.turn(0, 10)).toBe(3)
    const most = async () =>
      database.query(
        `select from celeriac.jobs as job where job.worker_id = $1
          group by job.options -> 'door' -> 'limits' -> 0 ->> 1 having count(*) > 2`,
        [taker.id],
      )
    let done = 3
    while (taker.holds > 0) {
      expect(await most()).toEqual([])
      expect(taker.holds).toBeLessThanOrEqual(3)
      done += await taker.turn(1, 10)
    }
    expect(done).toBe(12)
  })

  test('a job of many units waits for room for all of them, and nothing overtakes it in its lane', async () => {
    const [queue, name] = [aQueue(), await aLimit({ concurrency: 4 })]
    await arrive(queue, [[name, '', 3]])
    await arrive(queue, [[name, '', 3]])
    await arrive(queue, [[name, '']])
    const taker = await aTaker(queue)
    expect(await taker.turn(0, 10)).toBe(1)
    expect(await taker.turn(0, 10)).toBe(0)
    expect(await taker.turn(1, 10)).toBe(2)
  })

  test('a job that takes more than there is goes alone', async () => {
    const [queue, name] = [aQueue(), await aLimit({ concurrency: 2 })]
    await arrive(queue, [[name, '']])
    await arrive(queue, [[name, '', 5]])
    await arrive(queue, [[name, '']])
    const taker = await aTaker(queue)
    expect(await taker.turn(0, 10)).toBe(1)
    expect(await taker.turn(1, 10)).toBe(1)
    expect(await taker.turn(1, 10)).toBe(1)
  })

  test('a slot that is left while another worker judges the lane is not forgotten', async () => {
    const [queue, name] = [aQueue(), await aLimit({ concurrency: 1 })]
    await arrive(queue, [[name, '']], 3)
    const [one, other] = [await aTaker(queue), await aTaker(queue)]
    expect(await one.turn(0, 1)).toBe(1)
    await using settling = await openSession(database.url)
    await settling.query('begin')
    // It settles, and commits only after the other has judged the bucket by what it sees.
    await one.turn(1, 0, settling as unknown as typeof database)
    expect(await other.turn(0, 1)).toBe(0)
    await settling.query('commit')
    expect(await other.turn(0, 1)).toBe(1)
  })

  test('somebody who sets a new key in a transaction that lasts holds up that key, and few others', async () => {
    const [queue, name] = [aQueue(), await aLimit({ concurrency: 1 })]
    await using person = await openSession(database.url)
    await person.query('begin')
    await person.query(`select celeriac.hold_limit('${name}', 'mine', now() + interval '1 ms')`)
    await arrive(queue, [[name, 'mine']])
    for (let key = 0; key < 20; key += 1) await arrive(queue, [[name, `other-${key}`]])
    const taker = await aTaker(queue)
    let taken = 0
    for (let turn = 0; turn < 5; turn += 1) taken += await taker.turn(0, 50)
    expect(taken).toBeGreaterThan(10)
    expect(taken).toBeLessThan(21)
    await person.query('commit')
    for (let turn = 0; turn < 5; turn += 1) taken += await taker.turn(0, 50)
    expect(taken).toBe(21)
  })

  test('a task that nobody runs does not stand in the way of another under the same limit', async () => {
    const [queue, name] = [aQueue(), await aLimit({ concurrency: 5 })]
    await database.query('select celeriac.enqueue_jobs($1)', [
      JSON.stringify([
        [{ queue, task: 'other', priority: 5 }, [[randomUUID(), [], { limits: [[name, '']] }]]],
      ]),
    ])
    await arrive(queue, [[name, '']], 2)
    const taker = await aTaker(queue)
    expect((await taker.turn(0, 10)) + (await taker.turn(0, 10))).toBe(2)
  })

  test('an arrival that is committed late is found, and holds nobody up meanwhile', async () => {
    const [queue, name] = [aQueue(), await aLimit({ concurrency: 10 })]
    await using late = await openSession(database.url)
    await late.query('begin')
    await late.query(
      `select celeriac.enqueue_jobs(jsonb_build_array(jsonb_build_array(jsonb_build_object('queue', '${queue}', 'task', 'work'),
        jsonb_build_array(jsonb_build_array(gen_random_uuid(), '[]'::jsonb, jsonb_build_object('limits', jsonb_build_array(jsonb_build_array('${name}', ''))))))))`,
    )
    await arrive(queue, [[name, '']], 2)
    const taker = await aTaker(queue)
    expect(await taker.turn(0, 10)).toBe(2)
    await late.query('commit')
    expect(await taker.turn(0, 10)).toBe(1)
  })

  test('a job that is taken away leaves its slot', async () => {
    const [queue, name] = [aQueue(), await aLimit({ concurrency: 1 })]
    await arrive(queue, [[name, '']], 3)
    const taker = await aTaker(queue)
    await taker.turn(0, 1)
    await database.query(
      `select celeriac.kill_jobs(array(select id from celeriac.jobs where worker_id = $1), 'over')`,
      [taker.id],
    )
    expect(await taker.turn(0, 1)).toBe(1)
  })

  test('a running job whose row is gone leaves its slot to whoever maintains', async () => {
    const [queue, name] = [aQueue(), await aLimit({ concurrency: 1 })]
    await arrive(queue, [[name, '']], 2)
    const taker = await aTaker(queue)
    await taker.turn(0, 1)
    expect(await taker.turn(0, 1)).toBe(0)
    await database.query('delete from celeriac.jobs where worker_id = $1', [taker.id])
    await database.query('select celeriac.prune_lanes(100)')
    expect(await taker.turn(0, 1)).toBe(1)
  })

  test('lanes and buckets that nobody uses any more are removed, and come back when they are needed', async () => {
    const [queue, name] = [aQueue(), await aLimit({ concurrency: 1 })]
    await arrive(queue, [[name, '']])
    const taker = await aTaker(queue)
    await taker.turn(0, 1)
    await taker.turn(1, 1)
    await database.query(
      `update celeriac.buckets set used_at = used_at - interval '2 hours' where limit_name = $1`,
      [name],
    )
    await database.query('select celeriac.prune_lanes(100)')
    expect(await database.query('select from celeriac.buckets where limit_name = $1', [name])).toEqual([])
    await arrive(queue, [[name, '']])
    await taker.turn(0, 1)
    expect((await taker.turn(0, 1)) + taker.holds).toBeGreaterThanOrEqual(1)
    await taker.turn(1, 0)
    await database.query(
      `update celeriac.lanes set used_at = used_at - interval '2 hours' where queue = $1`,
      [queue],
    )
    await taker.turn(0, 1)
    await database.query('select celeriac.prune_lanes(100)')
    await arrive(queue, [[name, '']])
    expect(await taker.turn(0, 1)).toBe(1)
  })
})

describe('whoever looks', () => {
  test('at lanes that wait for a slot finds the one that has a job, behind many whose jobs were cancelled', async () => {
    const [queue, name] = [aQueue(), await aLimit({ concurrency: 1 })]
    const taker = await aTaker(queue)
    await arrive(queue, [[name, '']])
    await taker.turn(0, 1)
    const own = Array.from({ length: 40 }, (_, place) => `own-${place}`)
    for (const other of own)
      await arrive(queue, [
        [name, ''],
        [other, ''],
      ])
    await taker.turn(0, 100)
    const [last] = await database.query<{ id: string }>(
      `select id from celeriac.lanes where queue = $1 and state = 'full' order by turn desc, id desc limit 1`,
      [queue],
    )
    await database.query(
      `select celeriac.cancel_jobs(array(
        select id from celeriac.jobs where queue = $1 and worker_id is null and lane_id <> $2), 'over')`,
      [queue, last?.id],
    )
    await database.query('update celeriac.lanes set turn = turn + 1 where id = $1', [last?.id])
    await taker.turn(1, 1)
    // A worker that is told of nothing sleeps.
    while (taker.holds === 0 && taker.next <= 5) await taker.turn(0, 1)
    expect(taker.holds).toBe(1)
  })

  test('at a lane that somebody else holds reads its news later, however often it has read others', async () => {
    const [queue, name] = [aQueue(), await aLimit({ concurrency: 10 })]
    const taker = await aTaker(queue)
    await arrive(queue, [[name, '']])
    await taker.turn(0, 10)
    await taker.turn(1, 10)
    await using other = await openSession(database.url)
    await using mine = await openSession(database.url)
    const through = mine as unknown as typeof database
    await arrive(queue, [[name, '']])
    await other.query('begin')
    await other.query('select from celeriac.lanes where queue = $1 for update', [queue])
    await taker.turn(0, 10, through)
    await other.query('rollback')
    expect(await taker.turn(0, 10, through)).toBe(1)
  })

  test('at lanes that cannot give it anything looks at the next ones soon', async () => {
    const [queue, name] = [aQueue(), await aLimit({ concurrency: 1 })]
    const taker = await aTaker(queue)
    await arrive(queue, [[name, 'a']])
    await taker.turn(0, 1)
    for (const key of ['a', 'b']) await arrive(queue, [[name, key]])
    await database.query('select celeriac.drain_arrivals()')
    await database.query(
      `update celeriac.lanes set state = 'ready', full_bucket = null, turn = case door -> 'limits' -> 0 ->> 1 when 'a' then 0 else 1 end where queue = $1`,
      [queue],
    )
    expect(await taker.turn(0, 1)).toBe(0)
    expect(taker.next).toBeLessThanOrEqual(5)
    expect(await taker.turn(0, 1)).toBe(1)
  })

  test('while a limit is being raised is told once it is', async () => {
    const [queue, name] = [aQueue(), await aLimit({ concurrency: 0 })]
    await arrive(queue, [[name, '']])
    await database.query('select celeriac.drain_arrivals()')
    await using raising = await openSession(database.url)
    await raising.query('begin')
    await raising.query('select celeriac.set_limit($1, $2)', [name, { concurrency: 5 }])
    const taker = await aTaker(queue)
    expect(await taker.turn(0, 1)).toBe(0)
    await raising.query('commit')
    expect(await taker.turn(0, 1)).toBe(1)
  })

  test('and makes lanes ready while others hold some of them waits for nobody', async () => {
    const [queue, name] = [aQueue(), await aLimit({ concurrency: 1 })]
    const taker = await aTaker(queue)
    for (const key of ['one', 'other'])
      await arrive(queue, [
        [name, ''],
        [key, ''],
      ])
    expect(await taker.turn(0, 10)).toBe(1)
    expect(await taker.turn(0, 10)).toBe(0)
    await using other = await openSession(database.url)
    await other.query('begin')
    await other.query('select from celeriac.lanes where queue = $1 for update', [queue])
    await using mine = await openSession(database.url)
    await mine.query(`set lock_timeout = '1s'`)
    expect(await taker.turn(1, 0, mine as unknown as typeof database)).toBe(0)
    await other.query('rollback')
    expect(await taker.turn(0, 10)).toBe(1)
  })
})

describe('a rate', () => {
  test('lets start at once as many as its burst, and never more than its limit within the window', async () => {
    const [queue, name] = [aQueue(), await aLimit({ rateLimit: 5, ratePerMs: 600_000, rateBurst: 3 })]
    await arrive(queue, [[name, '']], 9)
    const taker = await aTaker(queue)
    expect(await taker.turn(0, 10)).toBe(3)
    expect(await taker.turn(0, 10)).toBe(0)
    const at = (ms: number) =>
      database
        .query(
          `update celeriac.buckets
      set next_at = next_at - $2 * interval '1 ms', spent_at = array(select s - $2 * interval '1 ms' from unnest(spent_at) as s)
      where limit_name = $1`,
          [name, ms],
        )
        .then(() =>
          database.query(
            `update celeriac.lanes set due_at = due_at - $2 * interval '1 ms' where queue = $1`,
            [queue, ms],
          ),
        )
    await at(240_000)
    expect(await taker.turn(0, 10)).toBe(2)
    await at(240_000)
    expect(await taker.turn(0, 10)).toBe(0)
    await at(121_000)
    expect(await taker.turn(0, 10)).toBe(3)
  })

  test('counts units', async () => {
    const [queue, name] = [aQueue(), await aLimit({ rateLimit: 10, ratePerMs: 600_000, rateBurst: 10 })]
    await arrive(queue, [[name, '', 4]], 4)
    const taker = await aTaker(queue)
    expect(await taker.turn(0, 10)).toBe(2)
    const [bucket] = await database.query<{ units: number }>(
      'select (select sum(u)::int from unnest(spent_units) as u) as units from celeriac.buckets where limit_name = $1',
      [name],
    )
    expect(bucket).toEqual({ units: 8 })
  })

  test('is kept by many that take at once', async () => {
    const [queue, name] = [aQueue(), await aLimit({ rateLimit: 50, ratePerMs: 600_000, rateBurst: 50 })]
    await arrive(queue, [[name, '']], 200)
    const takers = await Promise.all(Array.from({ length: 8 }, () => aTaker(queue)))
    const started = async () => {
      await Promise.all(takers.map((taker) => taker.turn(taker.holds, 7)))
      const [row] = await database.query<{ count: number }>(
        `select (select count(*) from celeriac.results where queue = $1)::int
           + (select count(*) from celeriac.jobs where queue = $1 and worker_id is not null)::int as count`,
        [queue],
      )
      return row?.count ?? 0
    }
    // Whoever finds the bucket in somebody's hands comes back.
    await until(async () => (await started()) >= 50)
    for (let round = 0; round < 5; round += 1) expect(await started()).toBe(50)
  })

  test('of many starts gives all of them within each window, however close they follow', async () => {
    const [queue, name] = [aQueue(), await aLimit({ rateLimit: 80, ratePerMs: 60_000, rateBurst: 3 })]
    await arrive(queue, [[name, '']], 200)
    const taker = await aTaker(queue)
    await using session = await openSession(database.url)
    let given = 0
    const begin = Date.now()
    for (let ms = 0; ms < 120_000; ms += 750) {
      await session.query('select set_config($1, $2, false)', [
        'celeriac.fake_now',
        new Date(begin + ms + 60_000).toISOString(),
      ])
      given += await taker.turn(taker.holds, 2, session as unknown as typeof database)
    }
    expect(given).toBeGreaterThan(150)
    expect(given).toBeLessThanOrEqual(160)
  })
})
