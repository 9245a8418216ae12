import { describe, expect, test } from 'vitest'
import { goodDay } from './story.ts'

describe('I10 tidy', () => {
  const sample = {
    e: 'sample',
    overdue: 0,
    orphans: 0,
    unsettled: 1,
    connections: 9,
    transactions: 9,
  } as const

  test('finds a run that was not drained', () => {
    expect(goodDay().undrained().verdict()).toEqual(['I10 undrained'])
  })

  test('finds jobs that stay with a worker, or with nobody', () => {
    expect(goodDay().enqueued('x').left('x', 'a').undrained().verdict()).toEqual([
      'I10 undrained',
      'I10 stuck',
    ])
    expect(goodDay().enqueued('x').left('x', 'nobody').verdict()).toEqual(['I1 unsettled', 'I10 stuck'])
    expect(goodDay().enqueued('x').left('x').verdict()).toEqual(['I1 unsettled', 'I10 stuck'])
  })

  test('finds jobs that run on workers without a row for long', () => {
    const story = goodDay()
    for (let t = 1_000; t < 30_000; t += 1_000) story.at(t, 'driver', { ...sample, orphans: 1 })
    expect(story.verdict()).toEqual(['I10 orphaned'])
  })

  test('finds due jobs that nobody takes while nothing is wrong', () => {
    const story = goodDay()
    for (let t = 1_000; t < 50_000; t += 1_000) story.at(t, 'driver', { ...sample, overdue: 1 })
    expect(story.verdict()).toEqual(['I10 unclaimed'])
    expect(story.at(20_000, 'driver', { e: 'pgstop', mode: 'fast' }).verdict()).toEqual([])
  })

  test('finds a broken index', () => {
    expect(goodDay().corrupt('jobs_for_claim: item order').verdict()).toEqual(['I10 corrupt'])
  })
})
