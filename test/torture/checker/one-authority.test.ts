import { describe, expect, test } from 'vitest'
import { goodDay, killed, Story } from './story.ts'

describe('I2 one authority', () => {
  test('finds one token started in two processes', () => {
    const twice = goodDay().start(50, 'b', 'one', 1).end(60, 'b', 'one', 1)
    expect(twice.verdict()).toContain('I2 token started twice')
  })

  test('finds a token that shrinks', () => {
    const back = new Story().worker('a').worker('b').enqueued('j')
    back.start(1, 'a', 'j', 3).end(2, 'a', 'j', 3).settled(2, 'a', 'j', 3, 'retried')
    back.start(3, 'b', 'j', 2).end(4, 'b', 'j', 2).result('j', 'b', 3, { attempt: 2, snoozes: 1 })
    expect(back.verdict()).toContain('I2 token shrank')
  })

  test('finds a row with a lower token than an attempt had', () => {
    const low = new Story().worker('a').enqueued('j').runs(1, 'a', 'j', 2)
    expect(low.result('j', 'a', 1, { snoozes: 1 }).verdict()).toContain('I2 token shrank')
  })

  test('finds a gap that nothing tells the reason of', () => {
    const gap = new Story().worker('a').enqueued('j').runs(1, 'a', 'j', 3).result('j', 'a', 3)
    expect(gap.verdict()).toEqual(['I2 gap'])
  })

  test('takes a gap after a claim that was given back', () => {
    const gap = new Story().worker('a').enqueued('j').at(0.5, 'a', { e: 'claim', j: 'j', a: 1 })
    gap.settled(0.8, 'a', 'j', 1, 'released')
    gap.start(1, 'a', 'j', 3, { a: 1 }).end(2, 'a', 'j', 3).settled(3, 'a', 'j', 1).result('j', 'a', 3)
    expect(gap.verdict()).toEqual([])
  })

  test('finds a take-away that left the token as it was', () => {
    const same = new Story().worker('a').worker('b').enqueued('j').start(10, 'a', 'j', 1)
    same.done(20, 'kill9', 'a').exit(21, 'a', null).attempt(1_950, 'j', 'a', 1, 'lost')
    same.runs(2_000, 'b', 'j', 2).result('j', 'b', 2, { attempt: 2, losses: 1 })
    expect(same.verdict()).toEqual(['I2 token not raised'])
  })

  describe('false rescues', () => {
    const accused = (t: number): Story =>
      goodDay()
        .printed('b', 'out', '{"msg":"jobs rescued from a dead worker"}\n')
        .at(t, 'b', { e: 'rescued', w: 'wa', jobs: 0, reason: 'its sessions ended' })

    test('finds the rescue of a process that is well', () => {
      expect(accused(5_000).verdict()).toEqual(['I2 false rescue'])
    })

    test('finds one that only the table tells of', () => {
      expect(goodDay().attempt(5_000, 'one', 'a', 9, 'lost').done(6_000, 'reset', 'b').verdict()).toEqual([
        'I2 false rescue',
      ])
    })

    test('finds the rescue of a process that was frozen for a moment', () => {
      const blinked = accused(5_000).done(3_000, 'sigstop', 'a').done(6_000, 'sigcont', 'a')
      expect(blinked.verdict()).toEqual(['I2 false rescue'])
    })

    test('takes the rescue of a process that is dead, frozen for a lease, cut off, or frozen without sessions', () => {
      const frozen = accused(17_000).done(1_000, 'sigstop', 'a').done(20_000, 'sigcont', 'a')
      const cutOff = accused(17_000).at(1_000, 'driver', { e: 'partition', c: 'a', how: 'both' })
      const cut = accused(5_000)
        .done(1_000, 'sigstop', 'a')
        .done(1_001, 'cut', 'a')
        .done(8_000, 'sigcont', 'a')
      expect([killed(), frozen, cutOff, cut].map((story) => story.verdict())).toEqual([[], [], [], []])
    })
  })
})
