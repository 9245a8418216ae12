import { describe, expect, test } from 'vitest'
import { goodDay, type Story } from './story.ts'

describe('I1 no loss', () => {
  const asked = (): Story => goodDay().at(1, 'producer', { e: 'enq', ks: ['x'] })
  const unknown = (): Story =>
    asked().at(2, 'producer', { e: 'enq-unknown', ks: ['x'], code: 'CONNECT_FAILED' })
  const inTransaction = (): Story => goodDay().at(1, 'producer', { e: 'tx-begin', x: 't', ks: ['x'] })

  test('takes an unanswered job either way', () => {
    expect(unknown().verdict()).toEqual([])
    expect(unknown().runs(5, 'a', 'x').result('x', 'a', 1).verdict()).toEqual([])
  })

  test('takes a transaction whose end is unknown as a whole', () => {
    const open = (): Story => inTransaction().at(2, 'producer', { e: 'tx-unknown', x: 't' })
    expect(open().verdict()).toEqual([])
    expect(open().order('x').runs(5, 'a', 'x').result('x', 'a', 1).verdict()).toEqual([])
    expect(open().order('x').verdict()).toEqual(['I1 torn'])
  })

  test('misses an acknowledged job that is nowhere', () => {
    expect(
      asked()
        .at(2, 'producer', { e: 'enq-ok', ks: ['x'] })
        .verdict(),
    ).toEqual(['I1 lost'])
  })

  test('misses a job whose transaction was committed', () => {
    expect(inTransaction().at(2, 'producer', { e: 'tx-commit', x: 't' }).order('x').verdict()).toEqual([
      'I1 lost',
      'I1 torn',
    ])
  })

  test('finds a job that is settled twice', () => {
    expect(goodDay().result('one', 'a', 1).verdict()).toEqual(['I1 doubled'])
  })

  test('finds a job that is settled and still to be run', () => {
    expect(goodDay().left('one').verdict()).toEqual(['I1 doubled', 'I1 unsettled', 'I10 stuck'])
  })

  test('finds a job nobody asked for', () => {
    expect(goodDay().result('ghost', null, 1, { state: 'cancelled' }).verdict()).toEqual(['I1 unexpected'])
  })

  test('finds a job that was refused', () => {
    const refused = asked().at(2, 'producer', { e: 'enq-fail', ks: ['x'], code: '22000' })
    expect(refused.result('x', null, 1, { state: 'cancelled' }).verdict()).toEqual(['I1 unexpected'])
  })

  test('finds a job whose transaction was rolled back', () => {
    const rolledBack = inTransaction().at(2, 'producer', { e: 'tx-rollback', x: 't' })
    expect(rolledBack.result('x', null, 1, { state: 'cancelled' }).verdict()).toEqual([
      'I1 unexpected',
      'I1 torn',
    ])
  })
})
