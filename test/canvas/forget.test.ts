import { expect, test } from 'vitest'
import { Celeriac, chain } from '../../src/index.ts'
import { find } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const database = useDatabase()

test('C-265 what a node has returned is kept while the canvas is not settled, though it is to be forgotten', async () => {
  await using app = new Celeriac({ database: database.url, log: 'silent' })
  const ident = app.task('ident', (x: number) => x)
  const handle = await chain(ident.s(7), ident.s(), ident.with({ delay: '1h' }).s()).enqueue()
  const [first = handle, second = handle] = await handle.workflow.jobs()
  await app.job(second.id).forget()
  await using worker = app.worker()
  await worker.start()
  await until(async () => (await app.job(second.id).state()) === 'succeeded', { what: 'the second step' })
  await app.job(first.id).forget()
  await database.query('select * from celeriac.prune_results(0, 1000)')
  expect(await find(database, 'results', first.id)).toMatchObject({
    value: 7,
    expires_at: expect.any(String),
  })
  expect(await find(database, 'results', second.id)).toMatchObject({
    value: 7,
    expires_at: expect.any(String),
  })

  await handle.workflow.cancel()
  await database.query('select * from celeriac.prune_results(1e12, 1000)')
  expect(await find(database, 'results', first.id)).toBeNull()
  expect(await find(database, 'results', second.id)).toBeNull()
})

test('C-265 a canvas is removed with the last of its results', async () => {
  await using app = new Celeriac({ database: database.url, log: 'silent' })
  const ident = app.task('ident', (x: number) => x)
  const { workflow } = await chain(ident.s(7), ident.s()).enqueue()
  await workflow.cancel()
  const left = () =>
    database.query(
      `select (select count(*) from celeriac.dependencies where workflow_id = $1)::integer as edges,
        (select count(*) from celeriac.workflows where id = $1)::integer as workflows`,
      [workflow.id],
    )
  expect(await left()).toEqual([{ edges: 1, workflows: 1 }])
  await database.query(`update celeriac.results set expires_at = now() where workflow_id = $1`, [workflow.id])
  await database.query('select * from celeriac.prune_results(0, 1000)')
  expect(await left()).toEqual([{ edges: 0, workflows: 0 }])
})
