import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Due } from '../../src/db/calls/schedule.ts'
import { planOf } from '../../src/schedule/due.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession, type Session } from '../support/session.ts'

const database = useDatabase({ name: 'fire_schedules' })
const NOON = Date.parse('2026-06-01T12:00:00Z')
const iso = (ms: number): string => new Date(ms).toISOString()

beforeEach(async () => {
  await database.query(
    'truncate celeriac.schedules, celeriac.fires, celeriac.jobs, celeriac.results, celeriac.declarations, celeriac.workers',
  )
})

/** The clock of the database says this, for the session. */
const setClock = (session: Session, ms: number) =>
  session.query(`select set_config('celeriac.fake_now', $1, false)`, [iso(ms)])

/** A schedule of one a minute, planned from noon on. */
async function put(session: Session, name: string, definition: object = {}): Promise<void> {
  await setClock(session, NOON)
  const whole = { task: 'work', rule: { interval: 60_000 }, ...definition }
  await session.query('select celeriac.put_schedule($1, $2)', [name, JSON.stringify(whole)])
}

async function read(session: Session): Promise<Due> {
  const [row] = await session.query<{ text: string }>(
    `select celeriac.read_schedules('{work}', '{}', 100) as text`,
  )
  return JSON.parse(row?.text ?? '') as Due
}

/** What a scheduler would ask for, having read that. */
function fires({ due, now }: Due): string {
  return JSON.stringify(
    due.map((schedule) => {
      const { ticks, next } = planOf(schedule, now)
      const { name, version } = schedule
      const shape = { queue: 'default', task: 'work', options: { schedule: [name, 0] } }
      return {
        name,
        version,
        next,
        ticks: ticks.map(({ at, fires }) => (fires ? { at, job: [shape, []] } : { at })),
      }
    }),
  )
}

async function fire(session: Session, asked: string): Promise<{ taken: string[]; ticks: unknown[] }> {
  const [row] = await session.query<{ text: string }>('select celeriac.fire_schedules($1) as text', [asked])
  return JSON.parse(row?.text ?? '')
}

/** Looks and fires until nothing is due. */
async function settle(session: Session): Promise<void> {
  for (;;) {
    const found = await read(session)
    if (found.due.length === 0) return
    await fire(session, fires(found))
  }
}

const ledger = async (): Promise<string[]> =>
  (
    await database.query<{ instant: Date; outcome: string }>(
      `select instant, outcome from celeriac.fires where outcome <> 'missed' order by instant`,
    )
  ).map(({ instant, outcome }) => `${instant.toISOString().slice(11, 19)} ${outcome}`)
const jobs = async (): Promise<number> =>
  Number((await database.query<{ count: string }>('select count(*) from celeriac.jobs'))[0]?.count)

describe('firing', () => {
  test('B-23 twenty that have read the same: one fires, the others find it done', async () => {
    await using session = await openSession(database.url)
    await put(session, 'contested')
    await settle(session)
    await setClock(session, NOON + 60_000)
    const asked = fires(await read(session))
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => {
        await using other = await openSession(database.url)
        await setClock(other, NOON + 60_000)
        return await fire(other, asked)
      }),
    )
    expect(answers.filter(({ taken }) => taken.length > 0)).toHaveLength(1)
    expect([await jobs(), await ledger()]).toEqual([1, ['12:01:00 fired']])
  })

  test('B-25 who was frozen between reading and firing fires nothing that others have fired', async () => {
    await using session = await openSession(database.url)
    await using frozen = await openSession(database.url)
    await put(session, 'thawed')
    await settle(session)
    await setClock(session, NOON + 60_000)
    const asked = fires(await read(session))
    for (let minute = 1; minute <= 3; minute += 1) {
      await setClock(session, NOON + minute * 60_000)
      await settle(session)
    }
    await setClock(frozen, NOON + 180_000)
    expect(await fire(frozen, asked)).toMatchObject({ taken: [], ticks: [] })
    expect([await jobs(), await ledger()]).toEqual([
      3,
      ['12:01:00 fired', '12:02:00 fired', '12:03:00 fired'],
    ])
  })

  test('B-24 a transaction that ends half-way leaves the instant to the next one', async () => {
    await using session = await openSession(database.url)
    await put(session, 'killed')
    await settle(session)
    await setClock(session, NOON + 60_000)
    const asked = fires(await read(session))
    await session.query('begin')
    await fire(session, asked)
    await session.query('rollback')
    expect([await jobs(), await ledger()]).toEqual([0, []])
    expect((await fire(session, asked)).taken).toEqual(['killed'])
    expect([await jobs(), await ledger()]).toEqual([1, ['12:01:00 fired']])
  })

  test('B-12 the job, the ledger and the next instant are one transaction: what cannot be enqueued is not passed', async () => {
    await using session = await openSession(database.url)
    await put(session, 'together')
    await settle(session)
    await setClock(session, NOON + 60_000)
    const wrong = fires(await read(session)).replaceAll('"default"', 'null')
    await expect(fire(session, wrong)).rejects.toMatchObject({ code: '23502' })
    expect([await jobs(), await ledger()]).toEqual([0, []])
    await settle(session)
    expect([await jobs(), await ledger()]).toEqual([1, ['12:01:00 fired']])
  })

  test('F-47 an instant whose job was deleted at once does not fire again, even when it is planned anew', async () => {
    await using session = await openSession(database.url)
    await put(session, 'forgotten')
    await settle(session)
    await setClock(session, NOON + 60_000)
    await settle(session)
    await database.query('delete from celeriac.jobs')
    await database.query(
      `update celeriac.schedules set next_run_at = $1, version = version + 1 where name = 'forgotten'`,
      [iso(NOON + 60_000)],
    )
    await settle(session)
    expect([await jobs(), await ledger()]).toEqual([0, ['12:01:00 fired']])
    expect((await read(session)).next).toBe(NOON + 120_000)
  })

  test('the id of a job is that of its instant, and stands in the order of time', async () => {
    await using session = await openSession(database.url)
    const ids = await session.query<{ id: string }>(
      `select celeriac.fire_id(name, instant::timestamptz) as id from (values
        ('a', '2026-06-01 12:00Z'), ('a', '2026-06-01 12:00Z'), ('b', '2026-06-01 12:00Z'), ('a', '2026-06-01 12:01Z')
      ) as given (name, instant)`,
    )
    const [first, same, other, later] = ids.map(({ id }) => id)
    expect(first).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(same).toBe(first)
    expect(other).not.toBe(first)
    expect(parseInt(first?.replace('-', '').slice(0, 12) ?? '', 16)).toBe(NOON)
    expect((later ?? '') > (first ?? '')).toBe(true)
  })

  test('overlap looks at jobs, not at what the ledger says of them', async () => {
    await using session = await openSession(database.url)
    await put(session, 'skipping', { overlap: 'skip' })
    await settle(session)
    for (const minute of [1, 2]) {
      await setClock(session, NOON + minute * 60_000)
      await settle(session)
    }
    await database.query('delete from celeriac.jobs')
    await setClock(session, NOON + 180_000)
    await settle(session)
    expect(await ledger()).toEqual(['12:01:00 fired', '12:02:00 skipped', '12:03:00 fired'])
  })
})

describe('the clock of the server', () => {
  test('B-78 F-43 is the only one: instants come by what it says', async () => {
    await using session = await openSession(database.url)
    await put(session, 'clocked', { rule: { cron: '0 * * * *' } })
    await settle(session)
    expect((await read(session)).next).toBe(NOON + 3_600_000)
    await setClock(session, NOON + 3_600_000)
    await settle(session)
    expect(await ledger()).toEqual(['13:00:00 fired'])
    // That of this process is years away from it.
    const [row] = await database.query<{ run_at: Date }>('select run_at from celeriac.jobs')
    expect(row?.run_at).toEqual(new Date(NOON + 3_600_000))
  })

  test.each([
    ['last', ['12:01:00 fired', '13:01:00 fired']],
    ['none', ['12:01:00 fired', '13:01:00 fired']],
  ])('F-44 set forward by an hour: catchUp %s decides, and nothing fires twice', async (catchUp, expected) => {
    await using session = await openSession(database.url)
    await put(session, 'forward', { catch_up: catchUp })
    await settle(session)
    for (const at of [60_000, 3_660_000, 3_660_000]) {
      await setClock(session, NOON + at)
      await settle(session)
    }
    expect(await ledger()).toEqual(expected)
  })

  test('F-44 set back by an hour: no instant fires twice, and an interval goes on within a minute', async () => {
    await using session = await openSession(database.url)
    await put(session, 'back')
    await settle(session)
    await put(session, 'cron', { rule: { cron: '* * * * *' } })
    await settle(session)
    for (const at of [60_000, 120_000]) {
      await setClock(session, NOON + at)
      await settle(session)
    }
    const before = await ledger()
    expect(before).toHaveLength(4)
    await setClock(session, NOON - 3_600_000)
    await settle(session)
    await session.query('select celeriac.judge_schedules()')
    await settle(session)
    await setClock(session, NOON - 3_540_000)
    await settle(session)
    expect(await ledger()).toEqual(['11:01:00 fired', ...before])
    // What its rule names, and has fired before, does not do so again when the time comes once more.
    for (let at = -3_480_000; at <= 180_000; at += 60_000) {
      await setClock(session, NOON + at)
      await settle(session)
    }
    const instants = (await ledger()).map((line) => line.slice(0, 8))
    const counts = await database.query(
      'select schedule, instant from celeriac.fires group by 1, 2 having count(*) > 1',
    )
    expect(counts).toEqual([])
    expect(await jobs()).toBe(instants.length)
  })
})

describe('forgetting', () => {
  test('what was dealt with is kept for two days, and for longer than results are', async () => {
    const ages = { 'a day': '1 day', 'three days': '3 days', 'nine days': '9 days', 'forty days': '40 days' }
    const kept = async (retention: number | null): Promise<string[]> => {
      await database.query('truncate celeriac.fires')
      for (const [name, age] of Object.entries(ages)) {
        await database.query(
          `insert into celeriac.fires values ($1, now() - $2::interval, $3, now() - $2::interval, 'fired')`,
          [name, age, randomUUID()],
        )
      }
      await database.query('select celeriac.prune_fires($1, 100)', [retention])
      const rows = await database.query<{ schedule: string }>(
        'select schedule from celeriac.fires order by instant desc',
      )
      return rows.map(({ schedule }) => schedule)
    }
    const day = 86_400_000
    expect(await kept(0)).toEqual(['a day'])
    expect(await kept(7 * day)).toEqual(['a day', 'three days'])
    expect(await kept(10 * day)).toEqual(['a day', 'three days', 'nine days'])
    expect(await kept(null)).toEqual(['a day', 'three days', 'nine days'])
  })
})
