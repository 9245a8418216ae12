import { describe, expect, test } from 'vitest'
import { goodDay, killed } from './story.ts'

describe('I4 fenced settlement', () => {
  test('finds a row that shows the value of another attempt', () => {
    const stale = killed().at(0, 'x', { e: 'evicted' })
    const wrong = goodDay().enqueued('j').runs(20, 'a', 'j')
    wrong.result('j', 'a', 1, { value: { token: 2, worker: 'wa' } })
    expect([stale.verdict(), wrong.verdict()]).toEqual([[], ['I4 wrong settlement']])
  })

  test('finds a row that shows the value of another worker', () => {
    const wrong = goodDay().enqueued('j').runs(20, 'a', 'j')
    wrong.result('j', 'a', 1, { value: { token: 1, worker: 'wb' } })
    expect(wrong.verdict()).toEqual(['I4 wrong settlement'])
  })

  test('finds a success without a value', () => {
    const wrong = goodDay().enqueued('j').runs(20, 'a', 'j').result('j', 'a', 1, { value: null })
    expect(wrong.verdict()).toEqual(['I4 wrong settlement'])
  })

  test('finds the success of an attempt that never began', () => {
    const wrong = goodDay().enqueued('j').start(20, 'a', 'j', 1).end(21, 'a', 'j', 1)
    expect(wrong.result('j', 'a', 2).verdict()).toEqual(['I4 wrong settlement'])
  })

  test('finds a job that two workers were told to have settled', () => {
    expect(goodDay().settled(30, 'b', 'one', 1, 'failed').verdict()).toEqual(['I4 settled twice'])
  })

  test('takes a second settling after the operator asked for it', () => {
    const again = goodDay().at(25, 'operator', { e: 'ask', verb: 'retry', j: 'one' })
    expect(again.settled(30, 'b', 'one', 1, 'failed').verdict()).toEqual([])
  })
})
