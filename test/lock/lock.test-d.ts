import { expectTypeOf, test } from 'vitest'
import { Celeriac, currentJob, type JobLockOptions, type Lock, type Locked } from '../../src/index.ts'

const app = new Celeriac({ database: 'postgres://nowhere', log: 'silent' })

test('a lock gives what its function returns', () => {
  expectTypeOf(app.lock('a', () => 1)).toEqualTypeOf<Promise<number>>()
  expectTypeOf(app.lock('a', async ({ fence }) => fence, { timeout: '5s' })).toEqualTypeOf<Promise<number>>()
  expectTypeOf(currentJob().lock('a', () => 'x', { onBusy: 'retry' })).toEqualTypeOf<Promise<string>>()
  expectTypeOf(app.lock('a', (lock) => expectTypeOf(lock).toEqualTypeOf<Lock>())).toEqualTypeOf<
    Promise<true>
  >()
})

test('one that may be skipped says whether it was', async () => {
  const outcome = await currentJob().lock('a', () => 1, { onBusy: 'skip' })
  expectTypeOf(outcome).toEqualTypeOf<Locked<number>>()
  if (outcome.skipped) expectTypeOf(outcome.holder?.name).toEqualTypeOf<string | undefined>()
  else expectTypeOf(outcome.value).toEqualTypeOf<number>()
})

test('options that come from elsewhere leave both open', () => {
  const options: JobLockOptions = {}
  expectTypeOf(currentJob().lock('a', () => 1, options)).toEqualTypeOf<Promise<number | Locked<number>>>()
})

test('only a job can be sent back', () => {
  // @ts-expect-error: there is nothing to run again
  void app.lock('a', () => 1, { onBusy: 'retry' })
})
