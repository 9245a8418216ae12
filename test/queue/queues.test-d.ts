import { describe, expectTypeOf, test } from 'vitest'
import { Celeriac, type EditReport, type QueueInfo } from '../../src/index.ts'

const database = 'postgres://localhost/app'
const { queues } = new Celeriac({ database })

describe('routes', () => {
  test('are maps, functions, pairs and lists of these', () => {
    new Celeriac({ database, routes: { 'feed.*': 'feeds', clean: { queue: 'cleaning', priority: 2 } } })
    new Celeriac({ database, routes: (task, args) => (args.length > 0 ? task : null) })
    new Celeriac({
      database,
      routes: [
        [/^video\./, 'media'],
        ['a', { timeLimit: '5s' }],
        { b: 'b' },
        (_, __, { labels }) => labels?.region,
      ],
    })
    // @ts-expect-error: a route must answer at once
    new Celeriac({ database, routes: async () => 'late' })
    // @ts-expect-error: when a job begins is for the call to say
    new Celeriac({ database, routes: { a: { delay: '5s' } } })
    // @ts-expect-error: a module is not loaded by its path
    new Celeriac({ database, routes: './routes.js' })
  })
})

describe('app.queues', () => {
  test('pauses one thing', () => {
    expectTypeOf(queues.pause('mail', { for: '5m' })).resolves.toEqualTypeOf<'paused' | 'changed'>()
    void queues.pause({ task: 'a' })
    void queues.pause({ label: { tenant: 'acme' } })
    void queues.pause({ limit: 'api', key: 'acme' })
    // @ts-expect-error: a limit as a whole is set to 0
    void queues.pause({ limit: 'api' })
    // @ts-expect-error: no such duration
    void queues.pause('mail', { for: '5 minutes' })
  })

  test('reports edits', () => {
    expectTypeOf(queues.move({ from: 'a', to: 'b' })).resolves.toEqualTypeOf<EditReport>()
    expectTypeOf(queues.list()).resolves.toEqualTypeOf<QueueInfo[]>()
    void queues.reschedule({ queue: 'a' }, { delay: '5m' })
    void queues.reprioritise(['id'], 5, { dryRun: false })
    // @ts-expect-error: from where
    void queues.move({ to: 'b' })
    // @ts-expect-error: when
    void queues.reschedule('id', {})
  })
})
