import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CeleriacError, PermanentError } from '../../src/base/errors.ts'
import { restoreError, type StoredError, serialiseThrown } from '../../src/base/thrown.ts'

const refuse = () => {
  throw new Error('no')
}
const handler: ProxyHandler<object> = Object.fromEntries(
  [
    'get',
    'has',
    'getPrototypeOf',
    'ownKeys',
    'getOwnPropertyDescriptor',
    'isExtensible',
    'set',
    'defineProperty',
  ].map((trap) => [trap, refuse]),
)
const revoked = Proxy.revocable(new Error('gone'), {})
revoked.revoke()

const withThrowing = (key: string, error: Error = new Error('kept')) =>
  Object.defineProperty(error, key, { get: refuse, configurable: true })

const cyclic = new Error('cyclic')
cyclic.cause = new Error('inner', { cause: cyclic })

/** In a function each, because some cannot even be printed as the name of a test. */
const NON_ERRORS: readonly (readonly [() => unknown, string])[] = [
  [() => undefined, 'thrown value was undefined'],
  [() => null, 'thrown value was null'],
  [() => 'boom', 'thrown value was "boom"'],
  [() => 42, 'thrown value was 42'],
  [() => 1n, 'thrown value was 1n'],
  [() => Symbol('s'), 'thrown value was Symbol(s)'],
  [() => ({}), 'thrown value was an object'],
  [() => ['a'], 'thrown value was an array of 1'],
  [() => () => 1, 'thrown value was a function'],
  [() => new Proxy({}, handler), 'thrown value was a value that cannot be shown'],
  [() => new Proxy(new Error('x'), handler), 'thrown value was a value that cannot be shown'],
  [() => new Proxy(() => 1, handler), 'thrown value was a value that cannot be shown'],
  [() => revoked.proxy, 'thrown value was a value that cannot be shown'],
]

/** Whether jsonb takes it: every text well formed and without NUL. */
function storable(stored: StoredError): boolean {
  let safe = true
  JSON.parse(JSON.stringify(stored), (key, value: unknown) => {
    for (const text of [key, value]) {
      if (typeof text === 'string' && (text.includes('\0') || !text.isWellFormed())) safe = false
    }
    return value
  })
  return safe
}

describe('serialiseThrown (B-64)', () => {
  test.each(NON_ERRORS)('records what is no error, case %#', (thrown, message) => {
    expect(serialiseThrown(thrown())).toEqual({ name: 'NonError', message, code: 'THROWN_NON_ERROR' })
  })

  test('keeps name, message, stack, code and causes', () => {
    const inner = Object.assign(new RangeError('inner'), { code: 'E_IN', cause: 'deepest' })
    const thrown = Object.assign(new TypeError('outer', { cause: inner }), { code: 7, secret: 'x' })
    expect(serialiseThrown(thrown)).toEqual({
      name: 'TypeError',
      message: 'outer',
      stack: thrown.stack,
      code: 7,
      cause: {
        name: 'RangeError',
        message: 'inner',
        stack: inner.stack,
        code: 'E_IN',
        cause: { name: 'NonError', message: 'thrown value was "deepest"', code: 'THROWN_NON_ERROR' },
      },
    })
  })

  test('calls a subclass without a name by its class', () => {
    class PaymentError extends Error {}
    expect(serialiseThrown(new PaymentError('no')).name).toBe('PaymentError')
  })

  test('keeps the facts of a CeleriacError', () => {
    expect(
      serialiseThrown(new CeleriacError('JOB_EXPIRED', { jobId: 'a\0', expiresAt: 'now' })),
    ).toMatchObject({
      name: 'CeleriacError',
      code: 'JOB_EXPIRED',
      details: { jobId: 'a\\u0000', expiresAt: 'now' },
    })
    expect(serialiseThrown(new PermanentError('card declined'))).toMatchObject({
      name: 'PermanentError',
      message: 'card declined',
      code: 'PERMANENT',
    })
  })

  test('takes a plain object with a message as an error', () => {
    expect(serialiseThrown({ message: 'duplicate key', code: '23505', hint: 'x' })).toEqual({
      name: 'Error',
      message: 'duplicate key',
      code: '23505',
    })
  })

  test.each([
    'name',
    'message',
    'stack',
    'code',
    'cause',
    'errors',
    'constructor',
  ])('passes over a throwing %s', (key) => {
    const stored = serialiseThrown(withThrowing(key))
    expect(stored.message).toBe(key === 'message' ? '' : 'kept')
    expect(Object.hasOwn(stored, key) && key !== 'name' && key !== 'message').toBe(false)
  })

  test('stops at five causes and at a cycle', () => {
    const chain = Array.from({ length: 20 }, (_, n) => n).reduce<Error | undefined>(
      (cause, n) => new Error(`${n}`, { cause }),
      undefined,
    )
    const depth = (stored: StoredError): number => (stored.cause === undefined ? 0 : 1 + depth(stored.cause))
    expect(depth(serialiseThrown(chain))).toBe(5)
    expect(serialiseThrown(cyclic)).toMatchObject({ message: 'cyclic', cause: { message: 'inner' } })
    expect(depth(serialiseThrown(cyclic))).toBe(1)
  })

  test('keeps ten members of ten thousand', () => {
    const many = new AggregateError(
      Array.from({ length: 10_000 }, (_, n) => new Error(`${n}`)),
      'many',
    )
    expect(serialiseThrown(many).errors?.map((member) => member.message)).toEqual([
      '0',
      '1',
      '2',
      '3',
      '4',
      '5',
      '6',
      '7',
      '8',
      '9',
    ])
  })

  test('keeps aggregates of aggregates small', () => {
    const nest = (level: number): Error =>
      level === 0
        ? new Error('x'.repeat(1e5))
        : new AggregateError(
            Array.from({ length: 5 }, () => nest(level - 1)),
            'n',
            { cause: nest(0) },
          )
    expect(JSON.stringify(serialiseThrown(nest(5))).length).toBeLessThan(16 * 25_000)
  })

  test('cuts a message of 10 MB and keeps the frames of its stack', () => {
    const stored = serialiseThrown(new Error('y'.repeat(10 * 1_048_576)))
    expect(Buffer.byteLength(stored.message)).toBeLessThanOrEqual(4096)
    expect(stored.message).toMatch(/… \[cut, 10\.0 MB\]$/)
    expect(Buffer.byteLength(stored.stack ?? '')).toBeLessThanOrEqual(16_384)
    expect(stored.stack).toContain('thrown.test.ts')
  })

  test('is safe for PostgreSQL whatever was thrown', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '\0', '\uD83D', '\\', 'u', '0', '"') })
    const error = fc
      .record({ message: text, name: text, stack: text, code: text })
      .map((parts) => Object.assign(new Error(), parts))
    fc.assert(
      fc.property(fc.oneof(error, text, fc.anything()), (thrown) => {
        expect(storable(serialiseThrown(thrown))).toBe(true)
      }),
    )
  })
})

describe('restoreError', () => {
  test('gives a plain Error with everything that was kept', () => {
    class CardError extends TypeError {
      override name = 'CardError'
      code = 'card_declined'
    }
    const thrown = new CardError('no', { cause: new AggregateError([new Error('a')], 'many') })
    const restored = restoreError(serialiseThrown(thrown))
    expect(Object.getPrototypeOf(restored)).toBe(Error.prototype)
    expect(restored).toMatchObject({
      name: 'CardError',
      message: 'no',
      code: 'card_declined',
      stack: thrown.stack,
    })
    expect(restored.cause).toMatchObject({
      name: 'AggregateError',
      message: 'many',
      errors: [{ message: 'a' }],
    })
    expect(Object.keys(restored)).toEqual(['code'])
  })

  test.each<[unknown, string, string]>([
    [null, 'Error', 'null'],
    ['text', 'Error', '"text"'],
    [{}, 'Error', ''],
    [{ name: 5, message: 6, stack: 7, code: {}, cause: 'why', errors: 'x' }, 'Error', ''],
  ])('survives a row that somebody else wrote, case %#', (stored, name, message) => {
    const restored = restoreError(stored as StoredError)
    expect([restored.name, restored.message, restored.stack]).toEqual([name, message, `${name}: ${message}`])
  })
})
