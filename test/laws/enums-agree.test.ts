import { expect, test } from 'vitest'
import { JOB_STATES } from '../../src/job/state.ts'
import { useDatabase } from '../support/postgres.ts'

const database = useDatabase()

test('job_state and JOB_STATES are the same words in the same order', async () => {
  const rows = await database.query<{ word: string }>(
    'select unnest(enum_range(null::celeriac.job_state))::text as word',
  )
  expect(rows.map(({ word }) => word)).toEqual([...JOB_STATES])
})
