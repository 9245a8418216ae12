import { Kysely, type PostgresDialect } from 'kysely'
import pg from 'pg'
import { expectTypeOf, test } from 'vitest'
import { Celeriac, currentJob, type TransactionClient } from '../../src/index.ts'

const app = new Celeriac({ database: '' })

test('job.transaction gives what its function gives', () => {
  expectTypeOf(currentJob().transaction(() => 'paid')).toEqualTypeOf<Promise<string>>()
  expectTypeOf(currentJob().transaction(async () => 1)).toEqualTypeOf<Promise<number>>()
})

test('a handler that returns it has its value', () => {
  const task = app.task('charge', { bind: true }, (job, order: string) =>
    job.transaction(async (tx) => {
      expectTypeOf(tx).toEqualTypeOf<TransactionClient>()
      await tx.query('update orders set paid = true where id = $1', [order])
      return { order }
    }),
  )
  expectTypeOf(task.enqueue).parameters.toEqualTypeOf<[string]>()
  expectTypeOf<Awaited<ReturnType<typeof task.enqueue>>['result']>().returns.resolves.toEqualTypeOf<{
    order: string
  }>()
})

test('its client cannot be given back, and enqueues', () => {
  expectTypeOf<TransactionClient>().not.toHaveProperty('release')
  const task = app.task('child', () => 1)
  expectTypeOf(currentJob().transaction((tx) => task.with({ tx }).enqueue())).not.toBeAny()
})

test('job.complete takes what tx takes', () => {
  const complete = currentJob().complete
  void (() => complete(new pg.Client()))
  void (() => new Kysely({ dialect: {} as PostgresDialect }).transaction().execute((trx) => complete(trx, 1)))
  void (() => complete(async () => []))
  // @ts-expect-error: not a transaction
  void (() => complete(7))
})
