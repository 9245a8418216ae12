import { afterEach, describe, expect, test } from 'vitest'
import { aQueue, aWorker, fromNow, jobsLike } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'

const database = useDatabase()
afterEach(() => database.query('truncate celeriac.jobs, celeriac.workers, celeriac.queues'))

const unknown = async (most = 100) =>
  database.query('select task, jobs::integer from celeriac.find_unknown_tasks($1)', [most])

async function aServedQueue(tasks: readonly string[]): Promise<string> {
  const queue = aQueue()
  await aWorker(database, { queues: [queue], tasks })
  await database.query('insert into celeriac.queues values ($1, now())', [queue])
  return queue
}

describe('find_unknown_tasks', () => {
  test('counts due jobs by task that no worker of their queue has', async () => {
    const queue = await aServedQueue(['known'])
    await jobsLike(database, 2, { queue, task: 'known' })
    await jobsLike(database, 1, { queue, task: 'rare' })
    await jobsLike(database, 3, { queue, task: 'typo' })
    await jobsLike(database, 4, { queue, task: 'later', run_at: fromNow(60_000) })
    await jobsLike(database, 4, { queue, task: 'running', state: 'running' })
    expect(await unknown()).toEqual([
      { task: 'typo', jobs: 3 },
      { task: 'rare', jobs: 1 },
    ])
  })

  test('counts a task that another queue knows', async () => {
    const queue = await aServedQueue(['one'])
    await aServedQueue(['two'])
    await jobsLike(database, 1, { queue, task: 'two' })
    expect(await unknown()).toEqual([{ task: 'two', jobs: 1 }])
  })

  test('says nothing of a queue that nobody serves now', async () => {
    const queue = aQueue()
    await database.query('insert into celeriac.queues values ($1, now())', [queue])
    await jobsLike(database, 1, { queue, task: 'typo' })
    expect(await unknown()).toEqual([])
  })

  test('looks at so many due jobs of a queue at most', async () => {
    const queue = await aServedQueue(['known'])
    await jobsLike(database, 5, { queue, task: 'known', run_at: fromNow(-9_000) })
    await jobsLike(database, 5, { queue, task: 'typo', run_at: fromNow(-5_000) })
    expect(await unknown(5)).toEqual([])
    expect(await unknown(7)).toEqual([{ task: 'typo', jobs: 2 }])
  })
})
