import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { Celeriac } from '../../src/index.ts'
import { migrate } from '../../src/migrate/migrate.ts'
import { readSql } from '../../src/migrate/read-sql.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'

const database = useDatabase()

describe('sql/ under another name', () => {
  const renamed = readSql('other_jobs')

  test.each(
    renamed.map(({ name, text }) => [name, text]),
  )('%s leaves no word of the first behind', (_, text) => {
    expect(text.match(/\bceleriac\.[a-z_]+\s*\(/g)).toBeNull()
    expect(text.match(/\b(?:from|join|into|update|table|on|using|view|type|schema) celeriac\b/g)).toBeNull()
  })

  test('keeps the checksum of the file as it stands', () => {
    const plain = readSql('celeriac')
    expect(renamed.map(({ checksum }) => checksum)).toEqual(plain.map(({ checksum }) => checksum))
  })
})

test('no file names a table without its schema', async () => {
  const rows = await database.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'celeriac'::regnamespace and relkind in ('r', 'p', 'v')`,
  )
  const tables = rows.map(({ name }) => name).join('|')
  const bare = new RegExp(`\\b(?:from|join|into|update|table|on|using) (?:${tables})\\b(?!\\s+as\\b)`, 'g')
  for (const { name, text } of readSql('celeriac')) {
    const code = text.replaceAll(/--.*$/gm, '').replaceAll(/'(?:[^']|'')*'/g, "''")
    const own = new Set([...code.matchAll(/\b(\w+) as (?:not )?(?:materialized )?\(/g)].map(([, cte]) => cte))
    const found = (code.match(bare) ?? []).filter((match) => !own.has(match.split(' ').at(-1)))
    expect(found, name).toEqual([])
  }
})

test('two installations of one database do not know of each other', async () => {
  await migrate({ database: database.url, schema: 'other_jobs' })
  const [left, right] = ['celeriac', 'other_jobs'].map(
    (schema) => new Celeriac({ database: database.url, schema, log: 'silent' }),
  ) as [Celeriac, Celeriac]
  await using _left = left
  await using _right = right
  const id = randomUUID()
  const one = left.task('where', () => 0)
  const two = right.task('where', () => 1)
  const jobs = [await one.with({ id }).enqueue(), await two.with({ id }).enqueue()]
  const counts = async () =>
    (
      await database.query(
        `select (select count(*)::integer from celeriac.jobs) as celeriac, (select count(*)::integer from other_jobs.jobs) as other`,
      )
    )[0]
  expect(await counts()).toEqual({ celeriac: 1, other: 1 })
  await right.worker().start()
  expect(await jobs[1]?.result({ timeout: '10s' })).toBe(1)
  expect(await counts()).toEqual({ celeriac: 1, other: 0 })
  await left.worker().start()
  expect(await jobs[0]?.result({ timeout: '10s' })).toBe(0)
  const channels = await database.query('select celeriac.channel() as one, other_jobs.channel() as two')
  expect(channels[0]?.one).not.toBe(channels[0]?.two)
})

test('a test sets the clock by one name, whatever the schema is called', async () => {
  await migrate({ database: database.url, schema: 'other_jobs' })
  await using session = await openSession(database.url)
  await session.query(`set celeriac.fake_now = '2100-01-01T00:00:00Z'`)
  expect(await session.query('select other_jobs.clock() as at')).toEqual([
    { at: new Date('2100-01-01T00:00:00Z') },
  ])
})
