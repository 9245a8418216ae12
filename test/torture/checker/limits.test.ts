import { describe, expect, test } from 'vitest'
import { goodDay, type Story } from './story.ts'

const RATE = { task: 'limited-rate' }
const ONE = 'task:limited-one/concurrency'

/** As many starts of the task with a rate as are given, so far apart; the jobs take no time. */
function starts(story: Story, count: number, apartMs: number, from = 100): Story {
  for (let index = 0; index < count; index += 1) {
    const at = from + index * apartMs
    story.paced(`${from}-${index}`, [from - 50, at, at + 1], RATE)
  }
  return story
}

describe('I12 limits', () => {
  test('finds nothing where each job waits for the one before', () => {
    const story = goodDay().paced('x', [10, 20, 30]).paced('y', [10, 30, 40]).paced('z', [10, 41, 50])
    expect(story.verdict()).toEqual([])
  })

  test('finds two at once where one may run, of the same key', () => {
    expect(goodDay().paced('x', [10, 20, 30]).paced('y', [10, 29, 40]).verdict()).toEqual([
      'I12 too many at once',
    ])
    const other = { parameter: 1 }
    expect(goodDay().paced('x', [10, 20, 30]).paced('y', [10, 29, 40], other).verdict()).toEqual([])
  })

  test('counts who holds a job, whether it is alive or not, until it is taken away', () => {
    const held = (left: number): Story =>
      goodDay()
        .step(10, 'in', 'x')
        .step(20, 'took', 'x', { claimedAt: 20 })
        .done(25, 'kill9', 'a')
        .step(left, 'left', 'x', { runAt: left })
        .step(left + 30, 'took', 'x', { claimedAt: left + 30, token: 2 })
        .step(left + 40, 'out', 'x')
        .paced('y', [10, 2_000, 2_010])
    expect(held(2_001).verdict()).toEqual(['I12 too many at once'])
    expect(held(1_999).verdict()).toEqual([])
  })

  test('counts a job that came past its lane only when its handler was called', () => {
    const past = (): Story =>
      goodDay()
        .paced('x', [10, 20, 60])
        .step(10, 'in', 'y', { inLane: false, runAt: 10 })
        .step(25, 'took', 'y', { inLane: false, claimedAt: 25 })
        .step(28, 'left', 'y')
        .step(61, 'took', 'y', { token: 2, claimedAt: 61 })
        .step(70, 'out', 'y')
    expect(past().verdict()).toEqual([])
    const called = past().start(26, 'a', 'y', 1, { task: 'limited-one' }).end(27, 'a', 'y', 1)
    expect(called.verdict()).toContain('I12 too many at once')
  })

  test('counts what tasks share for all of them', () => {
    const five = (index: number) => ({ task: 'limited-five', parameter: index })
    const burst = (index: number) => ({ task: 'limited-burst', parameter: index })
    const crowd = (bursts: number): Story => {
      const story = goodDay()
      for (let index = 0; index < 5; index += 1) story.paced(`f${index}`, [10, 20, 90], five(index))
      for (let index = 0; index < bursts; index += 1) story.paced(`b${index}`, [10, 30, 80], burst(index))
      return story
    }
    expect(crowd(3).verdict()).toEqual([])
    expect(crowd(4).verdict()).toEqual(['I12 too many at once'])
  })

  test('finds more starts in some window than a rate allows, wherever the window begins', () => {
    expect(starts(goodDay(), 60, 20).verdict()).toEqual([])
    expect(starts(goodDay(), 60, 19).verdict()).toEqual(['I12 too many starts'])
    // Fifty at the end of one second and fifty at the beginning of the next.
    const seam = starts(starts(goodDay(), 50, 1, 900), 50, 1, 1_000)
    expect(seam.verdict()).toEqual(['I12 too many starts'])
    const apart = starts(starts(goodDay(), 50, 1, 900), 50, 1, 1_900)
    expect(apart.verdict()).toEqual([])
  })

  test('finds a start while the key was held', () => {
    const story = goodDay().hold(ONE, 'k0', 15, 500)
    expect(story.paced('x', [10, 20, 30]).verdict()).toEqual(['I12 not held'])
    expect(goodDay().hold(ONE, 'k0', 15, 500).paced('x', [10, 500, 510]).verdict()).toEqual([])
    expect(goodDay().hold(ONE, 'k0', 15, 500).paced('x', [10, 20, 30], { parameter: 1 }).verdict()).toEqual(
      [],
    )
  })

  test('finds that nothing begins though jobs wait and may', () => {
    const late = (at: number, row = {}): Story => goodDay().paced('x', [7_000, at, at + 10], row)
    expect(late(11_900).verdict()).toEqual([])
    expect(late(12_100).verdict()).toEqual(['I12 stalled'])
    // A rate has the length of its window besides.
    expect(late(12_900, RATE).verdict()).toEqual([])
    expect(late(13_100, RATE).verdict()).toEqual(['I12 stalled'])
  })

  test('does not call it a stall while the slot is taken, the key held, the job delayed, or nobody there', () => {
    const taken = goodDay().paced('x', [10, 20, 30_000]).paced('y', [15, 30_010, 30_020])
    expect(taken.verdict()).toEqual([])
    const held = goodDay().hold(ONE, 'k0', 15, 30_000).paced('x', [4_000, 30_010, 30_020])
    expect(held.verdict()).toEqual([])
    const delayed = goodDay()
      .step(10, 'in', 'x', { inLane: false, runAt: 30_000 })
      .step(30_100, 'took', 'x', { claimedAt: 30_100 })
      .step(30_110, 'out', 'x')
    expect(delayed.verdict()).toEqual([])
    const away = goodDay()
      .at(3_000, 'driver', { e: 'pgstop', mode: 'fast' })
      .at(30_000, 'driver', { e: 'pgstart' })
      .paced('x', [2_900, 31_000, 31_010])
    expect(away.verdict()).not.toContain('I12 stalled')
  })

  test('finds a slot that nobody holds and that stays shut', () => {
    const leaked = goodDay().paced('x', [10, 20, 4_000]).paced('y', [15, 12_000, 12_010])
    expect(leaked.verdict()).toEqual(['I12 stalled'])
  })
})
