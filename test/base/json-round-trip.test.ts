import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeArgs,
  decodeValue,
  encodeArgs,
  encodeResult,
  hasTags,
  taggedCodec,
} from '../../src/base/json.ts'
import { createDatabase } from '../support/postgres.ts'
import { storable } from './values.ts'

const context = { task: 'a', maxBytes: 1_000_000 }
const throughText = (args: readonly unknown[]) => {
  const text = encodeArgs(args, context)
  const parsed: unknown = JSON.parse(text)
  return hasTags(text) ? decodeArgs(parsed) : parsed
}

describe('encodeArgs and decodeArgs', () => {
  test('give every supported value back', () => {
    fc.assert(
      fc.property(fc.array(storable, { maxLength: 3 }), (args) => {
        assert.deepStrictEqual(throughText(args), args)
      }),
      { numRuns: 2000 },
    )
  })

  test('give every supported value back by way of jsonb', async () => {
    await using database = await createDatabase({ migrate: false, name: 'json' })
    const samples = fc.sample(fc.array(storable, { maxLength: 3 }), { numRuns: 1000, seed: 7 })
    const texts = samples.map((args) => encodeArgs(args, context))
    const rows = await database.query<{ text: string }>(
      'select value::jsonb::text as text from unnest($1::text[]) with ordinality as given (value, at) order by at',
      [texts],
    )
    for (const [index, args] of samples.entries()) {
      assert.deepStrictEqual(decodeArgs(JSON.parse(rows[index]?.text ?? '')), args)
    }
  })

  test('keep an error with its stack, code and causes, as a plain Error', () => {
    class CardError extends TypeError {
      override name = 'CardError'
      code = 'card_declined'
    }
    const sent = new CardError('no', { cause: new Error('inner', { cause: 'deepest' }) })
    const [got] = throughText([sent]) as [Error & { code: string }]
    expect(Object.getPrototypeOf(got)).toBe(Error.prototype)
    expect({ ...got, name: got.name, message: got.message, stack: got.stack }).toEqual({
      name: 'CardError',
      message: 'no',
      code: 'card_declined',
      stack: sent.stack,
    })
    expect(got.cause).toEqual(new Error('inner', { cause: 'deepest' }))
    expect(throughText([new AggregateError([new Error('a'), 1n], 'many')])).toMatchObject([
      { message: 'many', errors: [{ message: 'a' }, 1n] },
    ])
  })

  test('give holes, undefined and missing prototypes back as undefined and plain objects', () => {
    // biome-ignore lint/suspicious/noSparseArray: a hole is what this is about
    expect(throughText([1, undefined, [1, , 2]])).toStrictEqual([1, undefined, [1, undefined, 2]])
    expect(throughText([Object.assign(Object.create(null), { a: 1 })])).toStrictEqual([{ a: 1 }])
    expect(throughText([-0])).toStrictEqual([0])
  })

  test('give the same object in two places as two copies', () => {
    const shared = { at: new Date(0) }
    expect(throughText([shared, [shared, shared]])).toEqual([shared, [shared, shared]])
  })

  test('let a plain object choose its own form by toJSON', () => {
    expect(throughText([{ a: { toJSON: (key: string) => ({ key, at: new Date(0) }) } }])).toEqual([
      { a: { key: 'a', at: new Date(0) } },
    ])
  })

  test('take 512 levels, and Maps as one level each', () => {
    let nested: unknown = 1
    for (let level = 0; level < 512; level += 1) nested = level % 2 === 0 ? [nested] : new Map([[1, nested]])
    assert.deepStrictEqual(throughText([nested]), [nested])
  })

  test('write what people can read', () => {
    const args = [
      new Date(0),
      1n,
      new Map([['a', 1]]),
      new Set([1]),
      Buffer.from('hi'),
      { a: undefined },
      { $date: 1 },
    ]
    expect(encodeArgs(args, context)).toBe(
      '[{"$date":"1970-01-01T00:00:00.000Z"},{"$bigint":"1"},{"$map":[["a",1]]},{"$set":[1]},{"$bytes":"aGk="},' +
        '{"a":{"$undefined":true}},{"$$date":1}]',
    )
  })
})

describe('encodeResult', () => {
  test('gives null for nothing and JSON for null', () => {
    expect(encodeResult(undefined, context)).toBeNull()
    expect(encodeResult(null, context)).toBe('null')
    expect(encodeResult({ at: new Date(0) }, context)).toBe('{"at":{"$date":"1970-01-01T00:00:00.000Z"}}')
  })
})

describe('a codec', () => {
  class Money {
    readonly cents: number
    constructor(cents: number) {
      this.cents = cents
    }
  }
  const codec = {
    encode: (value: unknown) => (value instanceof Money ? { cents: value.cents } : taggedCodec.encode(value)),
    decode: (json: unknown) =>
      typeof json === 'object' && json !== null && 'cents' in json
        ? new Money(Number(json.cents))
        : taggedCodec.decode(json),
  }
  const own = { ...context, codec }

  test('is applied to each argument and to the result', () => {
    const text = encodeArgs([new Money(5), new Date(0), undefined], own)
    expect(text).toBe('[{"cents":5},{"$date":"1970-01-01T00:00:00.000Z"},{"$undefined":true}]')
    expect(decodeArgs(JSON.parse(text), codec)).toStrictEqual([new Money(5), new Date(0), undefined])
    expect(decodeValue(JSON.parse(encodeResult(new Money(7), own) ?? ''), codec)).toStrictEqual(new Money(7))
  })

  test('may leave fields undefined, which JSON drops', () => {
    const loose = {
      ...context,
      codec: { encode: () => ({ json: 1, meta: undefined }), decode: (json: unknown) => json },
    }
    expect(encodeArgs([1], loose)).toBe('[{"json":1}]')
  })
})
