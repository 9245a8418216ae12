import { inspect } from 'node:util'
import { describe, expect, expectTypeOf, test } from 'vitest'
import {
  CeleriacError,
  ERRORS,
  type Facts,
  isCeleriacError,
  JobCancelledError,
  JobFailedError,
  PermanentError,
  ResultTimeoutError,
} from '../../src/base/errors.ts'
import { codeOfSqlstate, errorFromPostgres } from '../../src/base/raised.ts'

describe('CeleriacError', () => {
  test('has code, facts, message, cause and name', () => {
    const cause = new Error('why')
    const error = new CeleriacError('LEASE_LOST', { jobId: '0198', attempt: 3 }, { cause })
    expect(error).toMatchObject({
      name: 'CeleriacError',
      code: 'LEASE_LOST',
      facts: { jobId: '0198', attempt: 3 },
      cause,
    })
    expect(error.message).toBe('job 0198 attempt 3 is no longer held here')
    expect(error.stack).toMatch(/^CeleriacError: job 0198/)
    expect(Object.keys(error)).toEqual(['code', 'facts'])
  })

  test('has no cause and no details when none were given', () => {
    const error = new CeleriacError('TX_POOL', {})
    expect('cause' in error).toBe(false)
    expect(inspect(error)).not.toContain('details')
  })

  test('takes facts as they are, placeholders and dollars in them too', () => {
    const error = new CeleriacError('OPTION_INVALID', { option: '{problem}', problem: "$& $1 $'" })
    expect(error.message).toBe("{problem} $& $1 $'")
  })

  test('types its facts from the placeholders of the message', () => {
    expectTypeOf<keyof Facts<'LEASE_LOST'>>().toEqualTypeOf<'jobId' | 'attempt'>()
    expectTypeOf<CeleriacError<'LEASE_LOST'>>().toExtend<CeleriacError>()
    // @ts-expect-error a forgotten fact does not compile
    new CeleriacError('LEASE_LOST', { jobId: '0198' })
    // @ts-expect-error nor does an unknown code
    expect(() => new CeleriacError('NO_SUCH', {})).toThrow()
  })
})

describe('ERRORS', () => {
  const entries = Object.entries(ERRORS)

  test.each(entries)('%s follows the rules of messages', (code, { sqlstate, message }) => {
    expect(code).toMatch(/^[A-Z][A-Z_]+$/)
    expect(message).toMatch(/^([a-z{]|PostgreSQL)/)
    expect(message).not.toMatch(/[.!]$/)
    if (sqlstate !== null) expect(sqlstate).toMatch(/^ZC(?!000)[0-9A-Z]{3}$/)
  })

  test('gives each SQLSTATE to one code', () => {
    const states = entries.flatMap(([, { sqlstate }]) => sqlstate ?? [])
    expect(new Set(states).size).toBe(states.length)
  })
})

describe('the classes that users catch', () => {
  const cause = new Error('card declined')

  test('JobFailedError tells the job and keeps the error', () => {
    const error = new JobFailedError({ jobId: '0198', task: 'charge', attempt: 5 }, { cause })
    expect(error).toMatchObject({
      name: 'JobFailedError',
      code: 'JOB_FAILED',
      jobId: '0198',
      task: 'charge',
      attempt: 5,
      cause,
    })
    expect(error.message).toBe('job 0198 (charge) failed in attempt 5: card declined')
    expect(error).toBeInstanceOf(CeleriacError)
    expect(error.stack).toMatch(/^JobFailedError: /)
  })

  test('JobCancelledError, ResultTimeoutError and PermanentError tell theirs', () => {
    expect(new JobCancelledError({ jobId: '0198', task: 'charge', reason: 'closed' }).message).toBe(
      'job 0198 (charge) was cancelled: closed',
    )
    expect(new ResultTimeoutError({ jobId: '0198', timeout: '10s' }).message).toBe(
      'job 0198 has not settled within 10s; it goes on, and its handle may be asked again',
    )
    expect(new PermanentError('card {declined}', { cause })).toMatchObject({
      name: 'PermanentError',
      code: 'PERMANENT',
      message: 'card {declined}',
      cause,
    })
  })
})

describe('isCeleriacError', () => {
  test('goes by code, and by brand rather than class', () => {
    const error = new CeleriacError('TX_POOL', {})
    const ofAnotherCopy = { [Symbol.for('celeriac.error')]: true, code: 'TX_POOL' }
    expect([
      isCeleriacError(error),
      isCeleriacError(error, 'TX_POOL'),
      isCeleriacError(error, 'TX_IDLE'),
    ]).toEqual([true, true, false])
    expect(isCeleriacError(ofAnotherCopy, 'TX_POOL')).toBe(true)
    expect(
      [new Error('x'), null, undefined, 'TX_POOL', { code: 'TX_POOL' }].some((other) =>
        isCeleriacError(other),
      ),
    ).toBe(false)
  })

  test('survives a proxy that throws on everything', () => {
    const hostile = new Proxy({}, { has: () => expect.fail('asked') })
    expect(isCeleriacError(hostile)).toBe(false)
  })
})

describe('errorFromPostgres', () => {
  test('reads the facts from the detail', () => {
    expect(errorFromPostgres('ZC002', '{"jobId":"0198","secret":{}}')).toMatchObject({
      code: 'JOB_EXISTS',
      facts: { jobId: '0198' },
      message: 'job 0198 exists already; give another id, or none',
    })
  })

  test.each([
    undefined,
    'no json',
    '[]',
    'null',
    '{"jobId":{}}',
  ])('shows facts that %s lacks as ?', (detail) => {
    expect(errorFromPostgres('ZC002', detail)?.message).toBe('job ? exists already; give another id, or none')
  })

  test('leaves the SQLSTATEs of others alone', () => {
    expect([errorFromPostgres('23505', undefined), codeOfSqlstate('ZC999'), codeOfSqlstate('42501')]).toEqual(
      [null, null, null],
    )
    expect(codeOfSqlstate('ZC002')).toBe('JOB_EXISTS')
  })
})
