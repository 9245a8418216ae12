import { describe, expect, test } from 'vitest'
import { goodDay, killed } from './story.ts'

describe('I15 told', () => {
  test('takes records', () => {
    expect(goodDay().printed('a', 'out', '{"msg":"worker started"}\n').verdict()).toEqual([])
  })

  test('takes a record that a kill tore', () => {
    expect(goodDay().printed('a', 'out', '{"msg":"worker started"}\n{"msg":"wor').verdict()).toEqual([])
  })

  test('finds a secret, also in the log of the server', () => {
    expect(goodDay().printed('a', 'out', '{"msg":"4111-secret"}\n').verdict()).toEqual(['I15 secret told'])
    expect(goodDay().printed('postgres', 'log', 'DETAIL: (4111-secret)').verdict()).toEqual([
      'I15 secret told',
    ])
  })

  test('finds what Node complains about', () => {
    const rejection = 'UnhandledPromiseRejection: nobody looked'
    const listeners = '(node:7) MaxListenersExceededWarning: Possible EventEmitter memory leak'
    expect(goodDay().printed('a', 'err', rejection).verdict()).toEqual(['I15 complaint'])
    expect(goodDay().printed('a', 'err', listeners).verdict()).toEqual(['I15 complaint'])
  })

  test('finds anything else that is printed beside the log', () => {
    expect(goodDay().printed('a', 'err', 'Error: boom').verdict()).toEqual(['I15 noise'])
    expect(goodDay().printed('a', 'out', 'hello\n{"msg":"x"}\n').verdict()).toEqual(['I15 unstructured'])
  })

  test('finds a storm of lines', () => {
    const lines = '{"time":1000,"msg":"the heartbeat failed"}\n'.repeat(51)
    expect(goodDay().printed('a', 'out', lines).verdict()).toEqual(['I15 log storm'])
  })

  test('finds a rescue that no log tells of', () => {
    const silent = killed().at(1_950, 'b', { e: 'rescued', w: 'wa', jobs: 1, reason: 'its sessions ended' })
    expect(silent.verdict()).toEqual(['I15 untold'])
    expect(silent.printed('b', 'out', '{"msg":"jobs rescued from a dead worker"}\n').verdict()).toEqual([])
  })
})
