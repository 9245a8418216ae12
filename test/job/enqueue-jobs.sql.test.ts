import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { aJob, aQueue, aResult, aWorker, find, fromNow, rowsOf } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'
import { claimJobs, enqueueJobs, settleJobs } from '../support/verbs.ts'

const database = useDatabase()

describe('enqueue_jobs', () => {
  test('inserts each job with its shape', async () => {
    const [plain, rich, waiting] = [randomUUID(), randomUUID(), randomUUID()]
    const [root, parent] = [randomUUID(), randomUUID()]
    const shape = {
      queue: 'mail',
      task: 'send',
      priority: -7,
      runAt: '2100-01-01T00:00:00.123456Z',
      expiresAt: '2100-01-02T00:00:00Z',
      maxAttempts: 8,
      options: { timeLimitMs: 5 },
      labels: { tenant: 'acme' },
      rootId: root,
      parentId: parent,
    }
    const answer = await enqueueJobs(database, [
      [{ queue: 'default', task: 'work' }, [[plain, [1, { two: null }]]]],
      [shape, [[rich, []]]],
      [{ queue: 'default', task: 'work', delayMs: 60_000, expiresMs: 90_000 }, [[waiting, []]]],
    ])
    expect(answer.refused).toBeNull()
    const now = await find(database, 'jobs', plain)
    expect(now).toEqual({
      id: plain,
      queue: 'default',
      task: 'work',
      priority: 0,
      args: [1, { two: null }],
      run_at: now?.enqueued_at,
      enqueued_at: now?.enqueued_at,
      claimed_at: null,
      expires_at: null,
      cancel_requested_at: null,
      cancel_reason: null,
      token: 0,
      worker_id: null,
      root_id: null,
      parent_id: null,
      attempt: 0,
      max_attempts: 5,
      workflow_id: null,
      lane_id: null,
      blockers: null,
      snoozes: 0,
      losses: 0,
      options: null,
      labels: null,
      progress: null,
    })
    expect(BigInt(answer.earliest) / 1000n).toBe(BigInt(Date.parse(String(now?.run_at))))
    expect(await find(database, 'jobs', rich)).toMatchObject({
      queue: 'mail',
      task: 'send',
      priority: -7,
      run_at: '2100-01-01T00:00:00.123456+00:00',
      expires_at: '2100-01-02T00:00:00+00:00',
      max_attempts: 8,
      options: { timeLimitMs: 5 },
      labels: { tenant: 'acme' },
      root_id: root,
      parent_id: parent,
    })
    const later = await find(database, 'jobs', waiting)
    const at = (column: string): number =>
      Date.parse(String(later?.[column])) - Date.parse(String(later?.enqueued_at))
    expect([at('run_at'), at('expires_at')]).toEqual([60_000, 90_000])
  })

  test('refuses an id that an unsettled job has', async () => {
    const taken = await aJob(database, { args: ['mine'] })
    const before = await find(database, 'jobs', taken)
    const free = randomUUID()
    const { refused } = await enqueueJobs(database, [
      [
        { queue: 'default', task: 'work' },
        [
          [taken, ['theirs']],
          [free, []],
        ],
      ],
    ])
    expect(refused).toEqual([taken])
    expect(await find(database, 'jobs', taken)).toEqual(before)
    expect(await find(database, 'jobs', free)).not.toBeNull()
  })

  test('refuses a chosen id that a settled job has', async () => {
    const taken = await aResult(database)
    const before = await find(database, 'results', taken)
    const { refused } = await enqueueJobs(database, [
      [{ queue: 'default', task: 'work', givenId: true }, [[taken, []]]],
    ])
    expect(refused).toEqual([taken])
    expect(await find(database, 'jobs', taken)).toBeNull()
    expect(await find(database, 'results', taken)).toEqual(before)
  })

  test('names the queues that an idle worker serves', async () => {
    const [asleep, awake, unserved] = [aQueue(), aQueue(), aQueue()]
    await aWorker(database, { queues: [asleep], idle: true })
    await aWorker(database, { queues: [awake] })
    const answer = await enqueueJobs(
      database,
      [asleep, awake, unserved].map((queue) => [{ queue, task: 'work' }, [[randomUUID(), []]]] as const),
    )
    expect(answer.asleep).toEqual([asleep])
  })

  test('takes thousands in one call', async () => {
    const queue = aQueue()
    const ids = Array.from({ length: 5_000 }, () => randomUUID())
    const { refused } = await enqueueJobs(database, [
      [{ queue, task: 'work' }, ids.map((id, index) => [id, [index]] as const)],
    ])
    expect(refused).toBeNull()
    const [count] = await rowsOf(
      database,
      'select count(*)::integer as n, sum((args ->> 0)::integer)::integer as sum from celeriac.jobs where queue = $1',
      [queue],
    )
    expect(count).toEqual({ n: 5_000, sum: (4_999 * 5_000) / 2 })
  })

  test('gives a chosen id to one of many who ask at once', async () => {
    await using one = await openSession(database.url)
    await using two = await openSession(database.url)
    for (let round = 0; round < 200; round += 1) {
      const id = randomUUID()
      const ask = (session: typeof one) =>
        enqueueJobs(session, [[{ queue: 'race', task: 'work', givenId: true }, [[id, []]]]])
      const answers = await Promise.all([ask(one), ask(two)])
      expect(answers.filter(({ refused }) => refused === null)).toHaveLength(1)
    }
  })

  test('never has a chosen id both unsettled and settled', async () => {
    const queue = aQueue()
    const worker = randomUUID()
    await using settler = await openSession(database.url)
    await using asker = await openSession(database.url)
    for (let round = 0; round < 200; round += 1) {
      const id = await aJob(database, { queue, worker_id: worker, run_at: fromNow(-5) })
      const [, { refused }] = await Promise.all([
        settleJobs(settler, worker, { done: [[id, 1, round]] }),
        enqueueJobs(asker, [[{ queue, task: 'work', givenId: true }, [[id, []]]]]),
      ])
      expect(refused).toEqual([id])
      expect(await find(database, 'jobs', id)).toBeNull()
      expect(await find(database, 'results', id)).not.toBeNull()
    }
    expect((await claimJobs(database, { worker, queue })).taken).toBe(0)
  })
})
