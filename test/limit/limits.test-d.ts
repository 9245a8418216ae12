import { describe, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { Celeriac, type JobContext, type JobHandle, type TaskOptions } from '../../src/index.ts'

const app = new Celeriac({ database: 'postgres://localhost/app' })
const sync = async (tenant: string, pages: number) => `${tenant}${pages}`

describe('limits of a task', () => {
  test('T-83 type their key functions by the parameters of the handler', () => {
    const task = app.task(
      'sync',
      {
        concurrency: { limit: 1, key: (tenant: string) => tenant },
        rateLimit: [
          { limit: 10, per: '1s', key: (tenant) => tenant, cost: (_, pages) => pages },
          {
            limit: 1000,
            per: '1h',
            burst: 100,
            key: (tenant, pages) => `${tenant.length}${pages.toFixed()}`,
          },
          '5/m',
        ],
        limits: ['openai', { name: 'api', key: (tenant) => tenant, cost: 3 }],
        exclusive: (tenant, pages) => {
          expectTypeOf(tenant).toEqualTypeOf<string>()
          expectTypeOf(pages).toEqualTypeOf<number>()
          return tenant
        },
        fairness: { key: (tenant) => tenant, weight: (key) => (key === 'big' ? 2 : 1) },
      },
      sync,
    )
    expectTypeOf(task.enqueue).parameters.toEqualTypeOf<[tenant: string, pages: number]>()
    expectTypeOf(task.enqueue('a', 1)).toEqualTypeOf<Promise<JobHandle<string>>>()
  })

  test('leave the parameters of the handler to the handler', () => {
    const task = app.task(
      't',
      { concurrency: { limit: 1, key: (a) => a.toUpperCase() }, rateLimit: '10/s' },
      async (a: string, b?: number) => `${a}${b}`,
    )
    expectTypeOf(task.enqueue).parameter(0).toEqualTypeOf<string>()
    expectTypeOf(task.enqueue).parameter(1).toEqualTypeOf<number | undefined>()
    task.enqueue('a')
    app.task('plain', { exclusive: () => 'one' }, () => 1).enqueue()
    app.task('keys', { exclusive: (n) => n }, (n: number) => n)
    app.task('none', { exclusive: (n) => (n === 1 ? null : n) }, (n: number | bigint) => n)
    // @ts-expect-error: the handler takes a text
    app.task('t', { concurrency: { limit: 1, key: (a: number) => a } }, (a: string) => a)
    // @ts-expect-error: the handler takes one
    app.task('t', { exclusive: (a: string, b: string) => a + b }, (a: string) => a)
  })

  test('hold for bound handlers, whose first parameter is no arg', () => {
    const task = app.task(
      'b',
      { bind: true, concurrency: { limit: 1, key: (path: string) => path } },
      (job, path: string) => `${job.id}${path}`,
    )
    expectTypeOf(task.enqueue).parameters.toEqualTypeOf<[path: string]>()
    const inferred = app.task(
      'i',
      { bind: true, exclusive: (path) => path },
      (job: JobContext, path: string, n: number) => job.id.length + path.length + n,
    )
    expectTypeOf(inferred.enqueue).parameters.toEqualTypeOf<[path: string, n: number]>()
    expectTypeOf(inferred.enqueue('a', 1)).toEqualTypeOf<Promise<JobHandle<number>>>()
    // @ts-expect-error: it is a text
    app.task('w', { bind: true, exclusive: (path: number) => path }, (_job, path: string) => path)
  })

  test('look at args as the caller gives them, when a schema changes them', () => {
    const schema = z.tuple([z.string().transform((text) => text.length)])
    const task = app.task('s', { args: schema, exclusive: (text) => text.toUpperCase() }, (length) => {
      expectTypeOf(length).toEqualTypeOf<number>()
      return length
    })
    expectTypeOf(task.enqueue).parameter(0).toEqualTypeOf<string>()
  })

  test('hold for declared tasks', () => {
    const declared = app.declare<(tenant: string) => void>('d', { exclusive: (tenant) => tenant })
    expectTypeOf(declared.enqueue).parameters.toEqualTypeOf<[tenant: string]>()
    // @ts-expect-error: it is a text
    app.declare<(tenant: string) => void>('d', { exclusive: (tenant: number) => tenant })
  })

  test('refuse what is no limit', () => {
    // @ts-expect-error: no unit
    app.task('t', { rateLimit: '10' }, () => 1)
    // @ts-expect-error: no such unit
    app.task('t', { rateLimit: '10/x' }, () => 1)
    // @ts-expect-error: a number of what?
    app.task('t', { rateLimit: 10 }, () => 1)
    // @ts-expect-error: not a number
    app.task('t', { concurrency: '5' }, () => 1)
    // @ts-expect-error: no period
    app.task('t', { rateLimit: { limit: 5 } }, () => 1)
    // @ts-expect-error: nobody can wait for a key
    app.task('t', { exclusive: async (a) => a }, (a: string) => a)
    // @ts-expect-error: undefined may be a slip; null says that it does not concern the job
    app.task('t', { exclusive: (a) => a.tenant }, (a: { tenant?: string }) => a)
  })

  test('may be shared by tasks, where they need no args', () => {
    const common: TaskOptions = { rateLimit: '10/s', concurrency: [5, { limit: 1 }], limits: ['openai'] }
    app.task('a', common as TaskOptions & { args?: never; bind?: false }, (a: string) => a)
    app.task('b', { ...common, bind: true }, (_job, a: number) => a)
  })
})

describe('limits of a call', () => {
  test('have texts as keys', () => {
    const task = app.task('t', (a: string) => a)
    task.with({ limits: ['openai', { name: 'api', key: 'acme', cost: 2 }], fairness: 'acme' }).enqueue('a')
    task.with({ fairness: { key: 'acme', weight: 2 } })
    // @ts-expect-error: belongs to the task
    task.with({ rateLimit: '10/s' })
    // @ts-expect-error: belongs to the task
    task.with({ concurrency: 1 })
    // @ts-expect-error: the args are given later
    task.with({ limits: [{ name: 'api', key: () => 'acme' }] })
  })
})
