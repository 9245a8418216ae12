import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import {
  aJob,
  aQueue,
  aResult,
  attemptsOf,
  aWorker,
  find,
  fromNow,
  jobsLike,
  rowsOf,
} from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'
import { until } from '../support/until.ts'
import { enqueueJobs, workCycle } from '../support/verbs.ts'

const database = useDatabase()
const ANNA = randomUUID()

describe('report_progress', () => {
  const report = async (
    worker: string,
    ids: readonly string[],
    tokens: readonly number[],
    values: string[],
  ) =>
    (
      await rowsOf(database, 'select celeriac.report_progress($1, $2, $3, $4) as lost', [
        worker,
        ids,
        tokens,
        values,
      ])
    )[0]?.lost

  test('stores what running jobs report', async () => {
    const ids = await jobsLike(database, 2, { worker_id: ANNA })
    const before = await Promise.all(ids.map((id) => find(database, 'jobs', id)))
    expect(await report(ANNA, ids, [1, 1], ['{"done": 1}', '"half"'])).toBeNull()
    expect(await Promise.all(ids.map((id) => find(database, 'jobs', id)))).toEqual([
      { ...before[0], progress: { done: 1 } },
      { ...before[1], progress: 'half' },
    ])
  })

  test.each([
    ['another token', ANNA, 2],
    ['another worker', randomUUID(), 1],
  ])('refuses %s', async (_, worker, token) => {
    const id = await aJob(database, { worker_id: ANNA })
    const before = await find(database, 'jobs', id)
    expect(await report(worker, [id], [token], ['1'])).toEqual([id])
    expect(await find(database, 'jobs', id)).toEqual(before)
  })

  test('refuses a settled job', async () => {
    const id = await aResult(database, { worker_id: ANNA, token: 1, progress: 'last' })
    expect(await report(ANNA, [id], [1], ['1'])).toEqual([id])
    expect(await find(database, 'results', id)).toMatchObject({ progress: 'last' })
  })

  test('announces while somebody listens', async () => {
    await using ear = await openSession(database.url)
    await ear.listen()
    const [quiet, loud] = await jobsLike(database, 2, { worker_id: ANNA })
    await report(ANNA, [quiet ?? ''], [1], ['1'])
    const listener = randomUUID()
    await database.query('select celeriac.register_listener($1, 60000)', [listener])
    await report(ANNA, [loud ?? ''], [1], ['1'])
    await until(() => ear.heard.length > 0, { what: 'a payload' })
    expect(ear.heard).toEqual([`p ${loud}`])
    await database.query('select celeriac.register_listener($1, 0)', [listener])
  })
})

describe('forget_jobs', () => {
  test('removes a settled job with its attempts, and marks an unsettled one', async () => {
    const [settled, pending] = [await aResult(database), await aJob(database, { options: { a: 1 } })]
    await database.query(
      `insert into celeriac.attempts (job_id, attempt, token, outcome, ended_at, error) values ($1, 1, 1, 'retry', now(), '{}')`,
      [settled],
    )
    const before = await find(database, 'jobs', pending)
    const [row] = await database.query('select celeriac.forget_jobs($1) as n', [
      [settled, pending, randomUUID()],
    ])
    expect(row).toEqual({ n: 2 })
    expect(await find(database, 'results', settled)).toBeNull()
    expect(await attemptsOf(database, settled)).toEqual([])
    expect(await find(database, 'jobs', pending)).toEqual({ ...before, options: { a: 1, forget: true } })
  })
})

describe('find_priorities', () => {
  const priorities = async (queue: string, known: readonly number[] = []) =>
    (await rowsOf(database, 'select celeriac.find_priorities($1, $2) as found', [queue, known]))[0]?.found

  test('finds every priority between the bounds, largest first', async () => {
    const queue = aQueue()
    const all = [32_767, 10, 9, 8, 0, -1, -500, -32_768]
    for (const priority of all) await jobsLike(database, 2, { queue, priority })
    expect(await priorities(queue)).toEqual(all)
    expect(await priorities(queue, [9, 0, -32_768])).toEqual(all)
  })

  test('lists what it is told to even where nothing is', async () => {
    expect(await priorities(aQueue(), [5, 1])).toEqual([5, 1])
  })

  test('does not count jobs that wait', async () => {
    const queue = aQueue()
    await aJob(database, { queue, priority: 3, state: 'waiting' })
    expect(await priorities(queue)).toEqual([])
  })
})

describe('work_cycle', () => {
  beforeAll(async () => {
    await aWorker(database, { id: ANNA })
  })

  test('settles and claims in one turn', async () => {
    const queue = aQueue()
    const done = await aJob(database, { worker_id: ANNA, queue })
    const due = await aJob(database, { queue })
    const lost = randomUUID()
    const answer = await workCycle(database, ANNA, {
      done: [
        [done, 1, 'yes'],
        [lost, 1],
      ],
      looks: [[queue, []]],
    })
    expect(answer).toMatchObject({ lost: [lost], listenedTo: false, nextDueMs: null })
    expect(answer.groups).toEqual([{ queue, priority: 0, lastRunAt: expect.any(String), ids: [due] }])
    expect(Math.abs(answer.nowMs - Date.now())).toBeLessThan(5_000)
    expect(await find(database, 'results', done)).toMatchObject({ value: 'yes' })
  })

  test('gives the larger priority first, over all priorities', async () => {
    const queue = aQueue()
    const ids: string[] = []
    for (const priority of [-40, 3, 32_767, 0, 3, -32_768])
      ids.push(await aJob(database, { queue, priority }))
    const { groups } = await workCycle(database, ANNA, { looks: [[queue, []]], wanted: 5 })
    expect(groups.map(({ priority, ids: got }) => [priority, got.length])).toEqual([
      [32_767, 1],
      [3, 2],
      [0, 1],
      [-40, 1],
    ])
    const rest = await workCycle(database, ANNA, { looks: [[queue, []]] })
    expect(rest.groups.flatMap(({ ids: got }) => got)).toEqual([ids[5]])
  })

  test('does not let future jobs of a larger priority hide due ones', async () => {
    const queue = aQueue()
    await jobsLike(database, 500, { queue, priority: 9, run_at: fromNow(3_600_000) })
    const due = await aJob(database, { queue, priority: 1 })
    const { groups, nextDueMs } = await workCycle(database, ANNA, { looks: [[queue, []]], wanted: 10 })
    expect(groups.flatMap(({ ids }) => ids)).toEqual([due])
    expect(nextDueMs).toBeGreaterThan(3_590_000)
  })

  test('looks at the queues in their order and stops when it has enough', async () => {
    const [first, second] = [aQueue(), aQueue()]
    for (const queue of [first, second]) await jobsLike(database, 3, { queue })
    const looks = [
      [first, []],
      [second, []],
    ]
    const { groups } = await workCycle(database, ANNA, { looks, wanted: 4 })
    expect(groups.map(({ queue, ids }) => [queue, ids.length])).toEqual([
      [first, 3],
      [second, 1],
    ])
  })

  test('looks from the floor of a priority it knows', async () => {
    const queue = aQueue()
    await aJob(database, { queue, run_at: '2020-01-01T00:00:00Z' })
    const above = await aJob(database, { queue, run_at: '2020-01-03T00:00:00.000001Z' })
    const look = [queue, [[0, '2020-01-03T00:00:00.000001+00:00', '00000000-0000-0000-0000-000000000000']]]
    const { groups } = await workCycle(database, ANNA, { looks: [look] })
    expect(groups.flatMap(({ ids }) => ids)).toEqual([above])
  })

  test('says when the next job is due', async () => {
    const queue = aQueue()
    await aJob(database, { queue, run_at: fromNow(60_000) })
    const { nextDueMs } = await workCycle(database, ANNA, { looks: [[queue, []]] })
    expect(nextDueMs).toBeGreaterThan(55_000)
    expect(nextDueMs).toBeLessThan(60_001)
  })

  test.each([
    ['that nobody knows', async () => randomUUID()],
    ['that was declared dead', () => aWorker(database, { lost_at: fromNow(-1) })],
    [
      'whose jobs are being taken away',
      async () => {
        const worker = await aWorker(database)
        const session = await openSession(database.url)
        onTestFinished(() => session.end())
        await session.query('select pg_advisory_lock(uuid_hash_extended($1, 0))', [worker])
        return worker
      },
    ],
  ])('gives nothing to a worker %s, but takes what it has done', async (_, make) => {
    const queue = aQueue()
    const worker = await make()
    const due = await aJob(database, { queue })
    const done = await aJob(database, { queue, worker_id: worker })
    const answer = await workCycle(database, worker, { done: [[done, 1, 'yes']], looks: [[queue, []]] })
    expect(answer).toMatchObject({ alive: false, groups: [], lost: null })
    expect(await find(database, 'jobs', due)).toMatchObject({ worker_id: null })
    expect(await find(database, 'results', done)).toMatchObject({ value: 'yes' })
  })

  test('claims nothing when nothing is wanted', async () => {
    const queue = aQueue()
    await aJob(database, { queue })
    expect((await workCycle(database, ANNA, { wanted: 0, looks: [[queue, []]] })).groups).toEqual([])
  })

  test('says whether somebody listens', async () => {
    const id = randomUUID()
    await database.query('select celeriac.register_listener($1, 60000)', [id])
    expect(await workCycle(database, ANNA, { wanted: 0 })).toMatchObject({ listenedTo: true })
    await database.query('select celeriac.register_listener($1, 0)', [id])
    expect(await workCycle(database, ANNA, { wanted: 0 })).toMatchObject({ listenedTo: false })
  })

  test('means the same with any search path, time zone and date style', async () => {
    const queue = aQueue()
    await using session = await openSession(database.url)
    await session.query(
      `set search_path = ''; set timezone = 'Asia/Kathmandu'; set datestyle = 'SQL, DMY'; set standard_conforming_strings = on`,
    )
    const id = randomUUID()
    await enqueueJobs(session, [[{ queue, task: 'work', runAt: '2020-01-01T00:00:00.000001Z' }, [[id, []]]]])
    const claimed = await workCycle(session, ANNA, { looks: [[queue, []]] })
    expect(claimed.groups).toEqual([
      { queue, priority: 0, lastRunAt: '2020-01-01T05:45:00.000001+05:45', ids: [id] },
    ])
    await workCycle(session, ANNA, { done: [[id, 1, 1]], wanted: 0 })
    expect(await find(database, 'results', id)).toMatchObject({ run_at: '2020-01-01T00:00:00.000001+00:00' })
  })
})

describe('clock', () => {
  test('is the start of the statement, not of the transaction', async () => {
    await using session = await openSession(database.url)
    await session.query('begin')
    const read = async () =>
      (
        await session.query<{ at: Date; same: boolean }>(
          'select celeriac.clock() as at, celeriac.clock() = statement_timestamp() as same',
        )
      )[0]
    const first = await read()
    await session.query('select pg_sleep(0.02)')
    const second = await read()
    expect([first?.same, second?.same]).toEqual([true, true])
    expect(Number(second?.at) - Number(first?.at)).toBeGreaterThanOrEqual(19)
    await session.query('commit')
  })

  test('is what a test has set, until it is taken back', async () => {
    await using session = await openSession(database.url)
    const read = async () => (await session.query<{ at: Date }>('select celeriac.clock() as at'))[0]?.at
    await session.query(`set celeriac.fake_now = '2100-01-01T00:00:00Z'`)
    expect(await read()).toEqual(new Date('2100-01-01T00:00:00Z'))
    await session.query('reset celeriac.fake_now')
    expect(Math.abs(Number(await read()) - Date.now())).toBeLessThan(5_000)
  })
})

describe('parse_duration', () => {
  test.each([
    ['500ms', 500],
    ['1.5s', 1_500],
    ['.5s', 500],
    ['2m', 120_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['1w', 604_800_000],
    ['36525d', 3_155_760_000_000],
    ['250', 250],
  ])('reads %s', async (text, ms) => {
    const [row] = await database.query(
      'select (extract(epoch from celeriac.parse_duration($1)) * 1000)::double precision as ms',
      [text],
    )
    expect(row).toEqual({ ms })
  })

  test.each([
    '',
    ' 1s',
    '1 s',
    '-1s',
    '1y',
    'soon',
    '1s\n',
    '1e3',
    '36526d',
    '9'.repeat(400),
  ])('refuses %j', async (text) => {
    await expect(database.query('select celeriac.parse_duration($1)', [text])).rejects.toMatchObject({
      code: '22023',
    })
  })
})

describe('new_id', () => {
  test('makes ids of version 7 that grow with time', async () => {
    const rows = await database.query<{ id: string }>(
      'select celeriac.new_id()::text as id from generate_series(1, 100)',
    )
    for (const { id } of rows) {
      expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
      const ms = Number.parseInt(id.replace('-', '').slice(0, 12), 16)
      expect(Math.abs(ms - Date.now())).toBeLessThan(60_000)
    }
    expect(new Set(rows.map(({ id }) => id)).size).toBe(100)
  })
})
