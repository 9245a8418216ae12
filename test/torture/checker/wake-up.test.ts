import { describe, expect, test } from 'vitest'
import { goodDay, type Story } from './story.ts'

describe('I9 wake-up', () => {
  const probed = (...waits: readonly number[]): Story => {
    const story = goodDay().at(1_000, 'driver', { e: 'phase', name: 'probe' })
    for (const [index, wait] of waits.entries()) {
      const [job, t] = [`probe-${index}`, 1_001 + index]
      story.enqueued(job, t)
      if (Number.isFinite(wait)) story.runs(t + wait, 'a', job).result(job, 'a', 1)
      else story.result(job, null, 2, { state: 'cancelled' })
    }
    return story.at(60_000, 'driver', { e: 'phase', name: 'idle' })
  }

  test('takes jobs that begin at once', () => {
    expect(probed(1, 2, 250).verdict()).toEqual([])
  })

  test('finds jobs that wait for a poll', () => {
    expect(probed(1, 2, 9_000).verdict()).toEqual(['I9 slow wake-up'])
    expect(probed(251).verdict()).toEqual(['I9 slow wake-up'])
  })

  test('leaves out what was measured while the machine was busy with something else', () => {
    expect(probed(1, 2, 900).at(1_100, 'driver', { e: 'busy', ms: 80 }).verdict()).toEqual([])
    expect(probed(1, 2, 900).at(5_000, 'driver', { e: 'busy', ms: 80 }).verdict()).toEqual([
      'I9 slow wake-up',
    ])
  })

  test('finds a job that never begins', () => {
    expect(probed(1, Number.POSITIVE_INFINITY).verdict()).toEqual(['I9 slow wake-up'])
  })
})
