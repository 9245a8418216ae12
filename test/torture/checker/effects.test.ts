import { describe, expect, test } from 'vitest'
import { goodDay, type Story } from './story.ts'

describe('I5 effects once', () => {
  const job = (): Story =>
    goodDay()
      .enqueued('j')
      .start(20, 'a', 'j', 1, { task: 'effect' })
      .end(21, 'a', 'j', 1)
      .settled(22, 'a', 'j', 1)
  const succeeded = (): Story => job().result('j', 'a', 1, { task: 'effect' }).effect('j', 1)

  test('takes one effect of the attempt that succeeded', () => {
    expect(succeeded().verdict()).toEqual([])
  })

  test('finds a second effect', () => {
    expect(succeeded().effect('j', 1).verdict()).toEqual(['I5 effect doubled'])
  })

  test('finds a missing effect', () => {
    const missing = succeeded().enqueued('k').runs(30, 'a', 'k').result('k', 'a', 1, { task: 'effect' })
    expect(missing.verdict()).toEqual(['I5 effect missing'])
  })

  test('finds the effect of an attempt that did not count', () => {
    expect(job().result('j', 'a', 1, { task: 'effect' }).effect('j', 2).verdict()).toEqual([
      'I5 effect of another',
    ])
  })

  test('finds the effect of a job that failed', () => {
    const failed = job().result('j', 'a', 1, { task: 'effect', state: 'failed', value: null }).effect('j', 1)
    expect(failed.verdict()).toEqual(['I5 effect left'])
  })
})
