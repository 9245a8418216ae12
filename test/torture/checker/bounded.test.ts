import { describe, expect, test } from 'vitest'
import { goodDay, type Story } from './story.ts'

describe('I6 bounded', () => {
  test('finds more attempts than were allowed', () => {
    const row = { state: 'failed', attempt: 4, maxAttempts: 3, value: null } as const
    expect(goodDay().enqueued('j').result('j', 'a', 9, row).verdict()).toEqual(['I6 too many attempts'])
  })

  test('finds a job that outlived too many deaths', () => {
    const row = { state: 'failed', attempt: 6, losses: 6, value: null } as const
    expect(goodDay().enqueued('j').result('j', 'a', 12, row).verdict()).toEqual(['I6 too many losses'])
  })

  test('finds a job that began more often than anything allows', () => {
    const story = goodDay().enqueued('j')
    for (let token = 1; token <= 12; token += 1) {
      story.start(token * 10, 'a', 'j', token).end(token * 10 + 1, 'a', 'j', token)
    }
    expect(story.result('j', 'a', 12, { attempt: 5 }).verdict()).toEqual(['I6 too many starts'])
  })

  test('finds a worker that claims more than it may ask for', () => {
    const greedy = goodDay()
      .at(50, 'a', { e: 'claim', j: 'x', a: 1 })
      .at(51, 'a', { e: 'claim', j: 'y', a: 1 })
    expect(greedy.verdict({ mostHeld: 2 })).toEqual([])
    expect(greedy.verdict({ mostHeld: 1 })).toEqual(['I6 too many claimed'])
    expect(greedy.settled(50.5, 'a', 'x', 1, 'released').verdict({ mostHeld: 1 })).toEqual([])
  })

  test('finds workers that ask all the time', () => {
    const sample = { e: 'sample', overdue: 0, orphans: 0, unsettled: 0, connections: 0 } as const
    const idle = (perSecond: number): Story =>
      goodDay()
        .at(10_000, 'driver', { e: 'phase', name: 'idle' })
        .at(10_001, 'driver', { ...sample, transactions: 1_000 })
        .at(12_001, 'driver', { ...sample, transactions: 1_000 + 2 * perSecond })
        .at(13_000, 'driver', { e: 'phase', name: 'close' })
    expect(idle(2 * 19).verdict()).toEqual([])
    expect(idle(2 * 21).verdict()).toEqual(['I6 busy loop'])
  })
})
