import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { aJob, aQueue, aResult, aWorker, find } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'
import { until } from '../support/until.ts'

const database = useDatabase()

async function enqueue(task: unknown, args: unknown = [], options: unknown = {}): Promise<string> {
  const [row] = await database.query<{ id: string }>('select celeriac.enqueue($1, $2, $3) as id', [
    task,
    JSON.stringify(args),
    JSON.stringify(options),
  ])
  return row?.id ?? ''
}

describe('enqueue', () => {
  test('needs a name alone', async () => {
    const [row] = await database.query<{ id: string }>(`select celeriac.enqueue('add') as id`)
    expect(row?.id).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
    expect(await find(database, 'jobs', row?.id ?? '')).toMatchObject({
      task: 'add',
      queue: 'default',
      args: [],
      priority: 0,
      max_attempts: 5,
      options: null,
      labels: null,
    })
  })

  test('takes every option in the words of TypeScript', async () => {
    const id = randomUUID()
    expect(
      await enqueue('add', [2, 2], {
        id,
        queue: 'mail',
        priority: -3,
        delay: '1h',
        expires: '2h',
        maxAttempts: 9,
        timeLimit: '30s',
        softTimeLimit: 1_500,
        resultTtl: '1d',
        ignoreResult: true,
        labels: { tenant: 'acme' },
      }),
    ).toBe(id)
    const job = await find(database, 'jobs', id)
    expect(job).toMatchObject({
      queue: 'mail',
      priority: -3,
      args: [2, 2],
      max_attempts: 9,
      labels: { tenant: 'acme' },
      options: { timeLimitMs: 30_000, softTimeLimitMs: 1_500, resultTtlMs: 86_400_000, ignoreResult: true },
    })
    const lead = (column: string): number =>
      Date.parse(String(job?.[column])) - Date.parse(String(job?.enqueued_at))
    expect([lead('run_at'), lead('expires_at')]).toEqual([3_600_000, 7_200_000])
  })

  test('runs a job at most once when told so', async () => {
    const id = await enqueue('add', [], { atMostOnce: true, maxAttempts: 7 })
    expect(await find(database, 'jobs', id)).toMatchObject({ max_attempts: 1, options: { atMostOnce: true } })
  })

  test('runs at an instant with its microseconds', async () => {
    const id = await enqueue('add', [], { runAt: '2100-01-01T00:00:00.123456+02:00' })
    expect(await find(database, 'jobs', id)).toMatchObject({ run_at: '2099-12-31T22:00:00.123456+00:00' })
  })

  test('keeps nulls within args', async () => {
    const id = await enqueue('add', [null, { x: null }])
    expect(await find(database, 'jobs', id)).toMatchObject({ args: [null, { x: null }] })
  })

  test.each([
    [null, [], {}, /task name/],
    ['', [], {}, /task name "" is not allowed/],
    ['a b', [], {}, /task name "a b" is not allowed/],
    ['x\n', [], {}, /task name/],
    ['x'.repeat(201), [], {}, /task name/],
    ['add', [], { queue: '' }, /queue must be a queue name/],
    ['add', [], { queue: "a'b" }, /queue name/],
    ['add', [], { queue: 'x'.repeat(101) }, /queue name/],
    ['add', { x: 1 }, {}, /args must be a JSON array/],
    ['add', null, {}, /args must be a JSON array/],
    ['add', [], [], /options must be a JSON object/],
    ['add', [], 'queue', /options must be a JSON object/],
    ['add', [], { retries: 3 }, /unknown option "retries"/],
    ['add', [], { delay: '5 minutes' }, /"5 minutes" is not a duration/],
    ['add', [], { delay: '-5s' }, /is not a duration/],
    ['add', [], { delay: '1s', runAt: '2100-01-01' }, /delay or runAt, not both/],
    ['add', [], { runAt: 'tomorrow-ish' }, /runAt/],
    ['add', [], { runAt: 'infinity' }, /runAt must be an instant/],
    ['add', [], { runAt: '2030-13-45T00:00:00Z' }, /runAt must be an instant/],
    ['add', [], { delay: '1e9d' }, /is not a duration/],
    ['add', [], { delay: '99999999999999999d' }, /is too long/],
    ['add', [], { priority: 1.5 }, /priority must be an integer/],
    ['add', [], { priority: 40_000 }, /priority must be an integer/],
    ['add', [], { priority: 'high' }, /priority must be an integer/],
    ['add', [], { maxAttempts: 0 }, /maxAttempts must be an integer/],
    ['add', [], { maxAttempts: 'many' }, /maxAttempts must be an integer/],
    ['add', [], { atMostOnce: 'maybe' }, /atMostOnce/],
    ['add', [], { ignoreResult: 3 }, /ignoreResult/],
    ['add', [], { labels: ['a'] }, /labels must be a JSON object of strings/],
    ['add', [], { labels: { a: 1 } }, /labels must be a JSON object of strings/],
    ['add', [], { id: 'seven' }, /id must be a UUID/],
  ])('B-70 refuses %j %j %j', async (task, args, options, message) => {
    const [before] = await database.query('select count(*) from celeriac.jobs')
    await expect(enqueue(task, args, options)).rejects.toMatchObject({
      code: '22023',
      message: expect.stringMatching(message),
    })
    expect(await database.query('select count(*) from celeriac.jobs')).toEqual([before])
  })

  test('refuses an id that is taken, settled or not', async () => {
    for (const id of [await aJob(database), await aResult(database)]) {
      await expect(enqueue('add', [], { id })).rejects.toMatchObject({
        code: 'ZC002',
        message: `job ${id} exists already`,
      })
    }
  })

  test('wakes an idle worker of the queue at commit, and nobody else', async () => {
    const [asleep, awake] = [aQueue(), aQueue()]
    await aWorker(database, { queues: [asleep], idle: true })
    await aWorker(database, { queues: [awake] })
    await using ear = await openSession(database.url)
    await ear.listen()
    await enqueue('add', [], { queue: awake })
    await enqueue('add', [], { queue: asleep, runAt: '2100-01-01T00:00:00.000001Z' })
    await until(() => ear.heard.length > 0, { what: 'a payload' })
    expect(ear.heard).toEqual([`w 4102444800000001 ${asleep}`])
  })

  test('shares the fate of its transaction', async () => {
    await using session = await openSession(database.url)
    const queue = aQueue()
    await session.query('begin')
    await session.query(`select celeriac.enqueue('add', '[]', jsonb_build_object('queue', $1::text))`, [
      queue,
    ])
    await session.query('rollback')
    expect(await database.query('select from celeriac.jobs where queue = $1', [queue])).toEqual([])
  })

  test('means the same in any time zone and date style', async () => {
    await using session = await openSession(database.url)
    await session.query(
      `set timezone = 'Asia/Kolkata'; set datestyle = 'SQL, DMY'; set intervalstyle = 'sql_standard'`,
    )
    const [row] = await session.query<{ id: string }>(
      `select celeriac.enqueue('add', '[]', '{"runAt": "2100-01-01T00:00:00Z", "expires": "1d", "resultTtl": "1w"}') as id`,
    )
    const job = await find(database, 'jobs', row?.id ?? '')
    expect(job).toMatchObject({ run_at: '2100-01-01T00:00:00+00:00', options: { resultTtlMs: 604_800_000 } })
    expect(Date.parse(String(job?.expires_at)) - Date.parse(String(job?.enqueued_at))).toBe(86_400_000)
  })
})
