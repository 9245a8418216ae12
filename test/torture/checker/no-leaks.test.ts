import { describe, expect, test } from 'vitest'
import { goodDay, type Story } from './story.ts'

describe('I8 no leaks', () => {
  const stopping = (): Story => goodDay().done(1_000, 'term', 'a')

  test('takes a clean stop', () => {
    expect(stopping().at(1_500, 'a', { e: 'down' }).exit(1_600, 'a').verdict()).toEqual([])
  })

  test('finds what is left on the server', () => {
    expect(
      goodDay()
        .leftover({ connections: ['celeriac:pool'] })
        .verdict(),
    ).toEqual(['I8 connection leaked'])
    expect(goodDay().leftover({ advisoryLocks: 1 }).verdict()).toEqual(['I8 lock leaked'])
    expect(goodDay().leftover({ prepared: 1 }).verdict()).toEqual(['I8 transaction leaked'])
  })

  test('finds a process that does not end', () => {
    expect(
      stopping()
        .leftover({ undead: ['a'] })
        .verdict(),
    ).toEqual(['I8 process leaked'])
  })

  test('finds a process that is done and lives on until somebody ends it', () => {
    const idle = stopping().at(1_500, 'a', { e: 'down' }).exit(9_000, 'a', null)
    expect(idle.verdict()).toEqual(['I8 process leaked'])
  })

  test('finds an exit code that says something else', () => {
    expect(stopping().at(1_500, 'a', { e: 'down' }).exit(1_600, 'a', 1).verdict()).toEqual(['I8 exit code'])
  })

  test('finds a stop that takes its time', () => {
    expect(stopping().at(9_100, 'a', { e: 'down' }).exit(9_200, 'a').verdict()).toEqual(['I8 slow stop'])
  })
})
