import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { sqlFiles } from '../../src/migrate/sql-source.ts'
import { useDatabase } from '../support/postgres.ts'

const database = useDatabase()
const files = sqlFiles()
const functions = files.filter(({ kind }) => kind === 'function')
const views = files.filter(({ kind }) => kind === 'view')
/** Called by users alone. */
const PUBLIC = [
  'enqueue',
  'cancel',
  'kill',
  'clock',
  'explain_text',
  'move',
  'purge',
  'reprioritise',
  'reschedule',
]

describe('sql/functions', () => {
  test.each(functions.map(({ name, text }) => [name, text]))('%s.sql defines exactly that', (name, text) => {
    const defined = [...text.matchAll(/create or replace function celeriac\.(\w+)/g)].map(([, what]) => what)
    expect(defined).toEqual([name])
    expect(text).toMatch(new RegExp(`^-- celeriac\\.${name}\\(.*\\)( → .+)?$`, 'm'))
    expect(text.match(/^create\b/gm)).toHaveLength(1)
    expect(text).toMatch(/^-- (?:.* )?Writes:/m)
    expect(text).toMatch(/Called by:/)
  })

  test('holds every function of the schema', async () => {
    const rows = await database.query<{ name: string }>(
      `select proname as name from pg_proc where pronamespace = 'celeriac'::regnamespace order by 1`,
    )
    expect(rows.map(({ name }) => name)).toEqual(functions.map(({ name }) => name).sort())
  })

  test.each(functions.map(({ name }) => [name]))('%s is called by somebody, or public', (name) => {
    if (PUBLIC.includes(name)) return
    const inSql = files.some((file) => file.name !== name && file.text.includes(`celeriac.${name}(`))
    const inTypeScript = typescriptOf('../../src').some(
      (text) => text.includes(`'${name}'`) || text.includes(`".${name}(`),
    )
    expect(inSql || inTypeScript).toBe(true)
  })
})

describe('sql/views', () => {
  test.each(views.map(({ name, text }) => [name, text]))('%s.sql defines exactly that', (name, text) => {
    expect([...text.matchAll(/create or replace view celeriac\.(\w+)/g)].map(([, what]) => what)).toEqual([
      name,
    ])
  })
})

test('no two files of sql/ share a name: the ledger knows them by it', () => {
  const names = files.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
})

test('migrations are numbered without a gap', () => {
  const numbers = files.filter(({ kind }) => kind === 'migration').map(({ name }) => Number(name.slice(0, 4)))
  expect(numbers).toEqual(numbers.map((_, index) => index + 1))
})

function typescriptOf(folder: string): string[] {
  const root = fileURLToPath(new URL(`${folder}/`, import.meta.url))
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => basename(path).endsWith('.ts'))
    .map((path) => readFileSync(join(root, path), 'utf8'))
}
