import { describe, expectTypeOf, test } from 'vitest'
import { Celeriac, type EnqueueOutcome, type JobContext } from '../../src/index.ts'

const app = new Celeriac({ database: 'postgres://localhost/none', log: 'silent' })

describe('T-109 options of unique jobs', () => {
  test('a key function takes the args of the task', () => {
    app.task('a', { unique: { key: (tenant: string) => tenant } }, (tenant: string, n: number) => tenant + n)
    app.task(
      'b',
      { unique: { key: (tenant, n) => `${tenant}/${n + 1}` } },
      (tenant: string, n: number) => tenant + n,
    )
    app.task(
      'c',
      { bind: true, debounce: { key: (n) => n, wait: '1s', maxWait: '1m' } },
      (_: JobContext, n: number) => n,
    )
    app.task('d', { throttle: { key: 'one', every: '1h' } }, () => 1)
    app.task('e', { unique: { key: (id) => id, until: '5m' } }, (id: string | null) => id)
    // @ts-expect-error the first arg is a string
    app.task('f', { unique: { key: (n: number) => n } }, (tenant: string) => tenant)
    // @ts-expect-error a key is a text or a number
    app.task('g', { unique: { key: () => new Date() } }, () => 1)
    app.declare<(n: number) => void>('h', { unique: { key: (n) => n, onConflict: 'rerun' } })
  })

  test('a call gives the key itself', () => {
    const task = app.declare<(n: number) => number>('calls')
    task.with({ unique: { key: 'a', until: 'started', onConflict: 'replace' } })
    task.with({ unique: { key: 7n, states: ['pending', 'failed'] } })
    task.with({ unique: null, debounce: null, throttle: null })
    // @ts-expect-error a function belongs on the task
    task.with({ unique: { key: (n: number) => n } })
    // @ts-expect-error no such end
    task.with({ unique: { key: 'a', until: '5 minutes' } })
    // @ts-expect-error no such state
    task.with({ unique: { key: 'a', states: ['done'] } })
    // @ts-expect-error no such way
    task.with({ unique: { key: 'a', onConflict: 'drop' } })
    // @ts-expect-error a debounce waits
    task.with({ debounce: { key: 'a' } })
  })

  test('the handle says what the call came to', async () => {
    const handle = await app.declare<() => number>('handled').enqueue()
    expectTypeOf(handle.outcome).toEqualTypeOf<EnqueueOutcome>()
    expectTypeOf(handle.outcome).toEqualTypeOf<'inserted' | 'kept' | 'replaced' | 'rerun'>()
    expectTypeOf(handle.differs).toEqualTypeOf<readonly string[]>()
  })
})
