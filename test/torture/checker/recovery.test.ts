import { describe, expect, test } from 'vitest'
import { goodDay, killed } from './story.ts'

describe('I7 recovery', () => {
  test('finds a job of a killed process that waits for too long', () => {
    expect(killed(5_021).verdict()).toEqual(['I7 late R1'])
  })

  test('finds a job of a killed process that never runs again', () => {
    const never = goodDay()
      .enqueued('j')
      .start(10, 'a', 'j', 1)
      .done(30, 'kill9', 'a')
      .left('j', 'a')
      .undrained()
    expect(never.verdict()).toContain('I7 late R1')
  })

  test('measures from the end of an outage, with the bound of the lease', () => {
    const restarted = killed(20_900)
      .at(500, 'driver', { e: 'pgstop', mode: 'fast' })
      .at(1_000, 'driver', { e: 'pgstart' })
    restarted.enqueued('k').runs(1_200, 'b', 'k').result('k', 'b', 1)
    expect(restarted.verdict()).toEqual([])
    expect(restarted.judged().figures.recovery).toMatchObject({ R3: { max: 19_900 }, R4: { max: 200 } })
  })

  test('finds a worker that takes too long to go on after an outage', () => {
    const slow = goodDay().at(30, 'driver', { e: 'pgstop', mode: 'fast' }).at(40, 'driver', { e: 'pgstart' })
    expect(slow.enqueued('j').runs(3_041, 'a', 'j').result('j', 'a', 1).verdict()).toEqual(['I7 late R4'])
  })

  test('finds jobs of a frozen process that nobody takes', () => {
    const frozen = goodDay()
      .enqueued('j')
      .start(30, 'a', 'j', 1)
      .done(40, 'sigstop', 'a')
      .done(30_000, 'sigcont', 'a')
    frozen
      .at(30_001, 'a', { e: 'lost', j: 'j', a: 1 })
      .start(25_000, 'b', 'j', 3, { a: 2 })
      .end(25_001, 'b', 'j', 3)
    frozen.settled(25_002, 'b', 'j', 2).attempt(24_900, 'j', 'a', 1, 'lost')
    expect(frozen.result('j', 'b', 3, { attempt: 2, losses: 1 }).verdict()).toEqual(['I7 late R2'])
  })

  test('finds jobs that were claimed in a lost answer and not given back', () => {
    const dropped = goodDay()
      .at(30, 'driver', { e: 'drop', c: 'a', call: 'work_cycle', js: ['j'] })
      .enqueued('j')
    dropped.start(10_031, 'b', 'j', 3, { a: 1 }).end(10_032, 'b', 'j', 3).settled(10_033, 'b', 'j', 1)
    expect(dropped.result('j', 'b', 3, { snoozes: 1 }).verdict()).toEqual(['I7 late R6'])
  })

  test('finds a handler that outlives its time limit', () => {
    const stuck = goodDay().enqueued('j').start(10, 'a', 'j', 1, { task: 'never' })
    stuck.end(1_011, 'a', 'j', 1, 'aborted').settled(3_011, 'a', 'j', 1, 'failed')
    expect(stuck.result('j', 'a', 1, { state: 'failed', value: null }).verdict()).toEqual(['I7 late R7'])
  })
})
