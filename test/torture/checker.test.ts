import { expect, test } from 'vitest'
import { goodDay, killed } from './checker/story.ts'

/* Each invariant has its own tests beside it, in checker/: stories that violate it, and some that only seem to. */

test('a good day violates nothing', () => {
  expect(goodDay().verdict()).toEqual([])
})

test('neither does a death whose job ran again in time', () => {
  expect(killed().verdict()).toEqual([])
})

test('figures count what happened', () => {
  expect(killed().judged().figures).toMatchObject({
    jobs: 1,
    attempts: 2,
    lost: 0,
    falseRescues: 0,
    recovery: { R1: { count: 1, p50: 1_980, p99: 1_980, max: 1_980 } },
  })
})
