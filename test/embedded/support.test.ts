import { describe, expect, test } from 'vitest'
import { createDatabase, useDatabase } from '../support/postgres.ts'

const database = useDatabase({ migrate: false, name: 'support' })

describe('useDatabase', () => {
  test('gives a file a database of its own', async () => {
    await database.query('create table fruit (name text)')
    await database.query('insert into fruit values ($1)', ['pear'])
    expect(await database.query('select name from fruit')).toEqual([{ name: 'pear' }])
    await using other = await createDatabase({ migrate: false })
    expect(await other.query(`select to_regclass('fruit') as fruit`)).toEqual([{ fruit: null }])
  })
})
