import { expect, test } from 'vitest'
import { aJob, aQueue, fromNow } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'

const database = useDatabase({ name: 'pause_sql' })

async function one(text: string, values: readonly unknown[] = []): Promise<unknown> {
  const [row] = await database.query<Record<string, unknown>>(text, values)
  return row === undefined ? null : Object.values(row)[0]
}

const pause = (kind: string, name: string, reason: string | null = null, until: string | null = null) =>
  one('select celeriac.pause($1, $2, $3, $4)', [kind, name, reason, until])
const resume = (kind: string, name: string) => one('select celeriac.resume($1, $2)', [kind, name])

test('W-88 a pause is a row that says why and since when; a second one changes the reason, not the beginning', async () => {
  const queue = aQueue()
  expect(await pause('queue', queue, 'SMTP outage')).toBe('paused')
  const [first] = await database.query('select * from celeriac.pauses where name = $1', [queue])
  expect(first).toMatchObject({ kind: 'queue', reason: 'SMTP outage', expires_at: null })
  expect(await pause('queue', queue, 'still down', fromNow(60_000))).toBe('changed')
  const [second] = await database.query('select * from celeriac.pauses where name = $1', [queue])
  expect(second).toMatchObject({ reason: 'still down', expires_at: expect.any(Date) })
  expect(second?.paused_at).toEqual(first?.paused_at)
})

test('resume says whether there was something to resume', async () => {
  const queue = aQueue()
  await pause('queue', queue)
  expect(await resume('queue', queue)).toBe('resumed')
  expect(await resume('queue', queue)).toBe('running')
  await pause('task', 'mail.send')
  expect(await resume('task', 'mail.send')).toBe('resumed')
})

test('a pause that is over counts as none, and maintenance removes it', async () => {
  const queue = aQueue()
  await pause('queue', queue, null, fromNow(30_000))
  const next = await one('select celeriac.next_resume_at()')
  expect(next).toBeInstanceOf(Date)
  await database.query(
    `update celeriac.pauses set expires_at = statement_timestamp() - interval '1 s' where name = $1`,
    [queue],
  )
  expect(await one('select celeriac.next_resume_at()')).not.toEqual(next)
  expect(await one('select celeriac.expire_pauses()')).toBe(1)
  expect(await resume('queue', queue)).toBe('running')
})

test('what cannot be paused is refused, and nothing is written', async () => {
  await expect(pause('worker', 'anna')).rejects.toMatchObject({ code: '22023' })
  await expect(pause('queue', '')).rejects.toMatchObject({ code: '22023' })
  await expect(pause('label', 'tenant')).rejects.toMatchObject({ code: '22023' })
  await expect(pause('queue', 'over', null, fromNow(-1_000))).rejects.toMatchObject({ code: '22023' })
  expect(
    await one(`select count(*)::int from celeriac.pauses where name in ('anna', 'over', 'tenant')`),
  ).toBe(0)
})

test('find_queues lists each queue that holds jobs once', async () => {
  const [first, second, waiting] = [aQueue(), aQueue(), aQueue()]
  await aJob(database, { queue: first })
  await aJob(database, { queue: first })
  await aJob(database, { queue: second, state: 'running' })
  await aJob(database, { queue: waiting, state: 'waiting' })
  const names = await database.query<{ name: string }>('select name from celeriac.find_queues() as name')
  expect(names.map(({ name }) => name).sort()).toEqual([first, second].sort())
})
