import { describe, expect, test } from 'vitest'
import { killed, Story } from './story.ts'

describe('I3 no overlap', () => {
  const both = (): Story =>
    new Story()
      .worker('a')
      .worker('b')
      .enqueued('j')
      .start(10, 'a', 'j', 1)
      .start(17_000, 'b', 'j', 3, { a: 2 })
      .end(18_000, 'b', 'j', 3)
      .settled(18_001, 'b', 'j', 2)
      .attempt(16_900, 'j', 'a', 1, 'lost')
      .result('j', 'b', 3, { attempt: 2, losses: 1 })

  test('finds two attempts at once', () => {
    expect(both().end(17_500, 'a', 'j', 1).verdict()).toContain('I3 overlap')
  })

  test('finds an attempt that never ends beside another', () => {
    expect(both().verdict()).toContain('I3 overlap')
  })

  test('finds one that goes on after a partition', () => {
    const cutOff = both().at(100, 'driver', { e: 'partition', c: 'a', how: 'both' }).done(25_000, 'heal', 'a')
    expect(cutOff.end(17_100, 'a', 'j', 1).verdict()).toContain('I3 overlap')
  })

  test('finds one that goes on for long after its thaw', () => {
    const zombie = both().done(100, 'sigstop', 'a').done(17_200, 'sigcont', 'a').end(17_900, 'a', 'j', 1)
    expect(zombie.verdict()).toEqual(['I3 overlap'])
  })

  test('finds one whose process was frozen for less than a lease', () => {
    const blinked = both().done(9_000, 'sigstop', 'a').done(17_200, 'sigcont', 'a').end(17_210, 'a', 'j', 1)
    expect(blinked.verdict()).toContain('I3 overlap')
  })

  test('tolerates one that is told at once after its thaw, and counts it', () => {
    const zombie = both().done(100, 'sigstop', 'a').done(17_200, 'sigcont', 'a')
    const { violations, figures } = zombie.at(17_300, 'a', { e: 'lost', j: 'j', a: 1 }).judged()
    expect(violations).toEqual([])
    expect(figures).toMatchObject({ overlapping: 0, tolerated: 1 })
  })

  test('tolerates one that could not hear that it is out of reach, and no other', () => {
    const cutOff = (): Story =>
      both()
        .at(100, 'driver', { e: 'partition', c: 'a', how: 'both' })
        .done(25_000, 'heal', 'a')
        .end(17_300, 'a', 'j', 1)
    const blocked = cutOff()
      .enqueued('k')
      .start(16_000, 'a', 'k', 1, { task: 'block' })
      .end(17_200, 'a', 'k', 1)
    expect(blocked.settled(17_300, 'a', 'k', 1).result('k', 'a', 1).verdict()).toEqual([])
    expect(cutOff().verdict()).toEqual(['I3 overlap'])
  })

  test('takes the better excuse of a process that was frozen twice, the last time for good', () => {
    const twice = both().done(5, 'sigstop', 'a').done(9, 'sigcont', 'a').done(100, 'sigstop', 'a')
    expect(twice.done(17_900, 'kill9', 'a').verdict()).toEqual([])
  })

  test('closes attempts with their process', () => {
    expect(killed(20.5).verdict({ recovery: { R1: 0, R2: 0, R3: 0, R4: 0, R6: 0, R7: 0 } })).not.toContain(
      'I3 overlap',
    )
  })
})
