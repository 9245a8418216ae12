import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { useDatabase } from '../support/postgres.ts'
import { catalogueOf } from './catalogue.ts'

const database = useDatabase()
const SNAPSHOT = new URL('schema.snapshot.txt', import.meta.url)

// UPDATE_SNAPSHOT=1 writes it anew: the diff then shows a reviewer what a change does to the database.
test('the schema is what schema.snapshot.txt says', async () => {
  const found = await catalogueOf(database)
  if (process.env.UPDATE_SNAPSHOT === '1') writeFileSync(SNAPSHOT, found)
  expect(found).toBe(readFileSync(SNAPSHOT, 'utf8'))
})
