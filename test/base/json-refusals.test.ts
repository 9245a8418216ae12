import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type CeleriacError, type ErrorCode, errorOfItem } from '../../src/base/errors.ts'
import { decodeArgs, decodeValue, encodeArgs, encodeResult, hasTags } from '../../src/base/json.ts'
import { refusal } from './refusal.ts'

const context = { task: 'resize', maxBytes: 1_048_576 }

class User {
  readonly id = 1
}
const cyclic = { b: {} as object }
cyclic.b = cyclic
const cyclicMap = new Map<string, unknown>()
cyclicMap.set('self', cyclicMap)
const deep = (levels: number) => {
  let value: unknown = 1
  for (let level = 0; level < levels; level += 1) value = { a: value }
  return value
}
const boom = () => {
  throw new Error('boom')
}
const endless: object = { toJSON: () => ({ again: endless }) }
const shared = () => {
  let value: unknown = 1
  for (let level = 0; level < 40; level += 1) value = [value, value]
  return value
}
const revoked = Proxy.revocable({}, {})
revoked.revoke()
const protoKey: unknown = JSON.parse('{"__proto__":{"admin":true}}')
const constructorKey: unknown = JSON.parse('{"constructor":{"prototype":{"admin":true}}}')

const ARGS: readonly (readonly [string, unknown, ErrorCode, string])[] = [
  [
    'B-01 NUL',
    { name: 'abc\0' },
    'JSON_NUL',
    'argument $[0].name contains U+0000 at index 3; PostgreSQL cannot store it; remove it or pass bytes as a Buffer',
  ],
  [
    'B-02 NUL in a key',
    { 'a\0b': 1 },
    'JSON_NUL',
    'key "a\\u0000b" at $[0] contains U+0000 at index 1; PostgreSQL cannot store it; remove it or pass bytes as a Buffer',
  ],
  [
    'B-03 lone surrogate',
    { title: 'a😀bcd\uD83D' },
    'JSON_SURROGATE',
    'argument $[0].title contains the lone surrogate U+D83D at index 6 (half of a character); use value.toWellFormed()',
  ],
  [
    'B-03 lone low surrogate',
    ['\uDE00'],
    'JSON_SURROGATE',
    'argument $[0][0] contains the lone surrogate U+DE00 at index 0 (half of a character); use value.toWellFormed()',
  ],
  [
    'B-03 in a key',
    { '\uD83D': 1 },
    'JSON_SURROGATE',
    'key "\\ud83d" at $[0] contains the lone surrogate U+D83D at index 0 (half of a character); use value.toWellFormed()',
  ],
  ['B-04 cycle', { a: cyclic }, 'JSON_CYCLE', 'argument $[0].a.b refers back to $[0].a'],
  ['B-04 cycle in a Map', cyclicMap, 'JSON_CYCLE', 'argument $[0][0][1] refers back to $[0]'],
  ['B-05 depth', deep(513), 'JSON_DEPTH', 'argument $[0] is nested deeper than 512 levels'],
  [
    'B-05 depth of a hundred thousand',
    deep(100_000),
    'JSON_DEPTH',
    'argument $[0] is nested deeper than 512 levels',
  ],
  [
    'B-05 depth of a toJSON without end',
    endless,
    'JSON_DEPTH',
    'argument $[0] is nested deeper than 512 levels',
  ],
  [
    'B-06 size',
    'é'.repeat(1_782_580),
    'PAYLOAD_SIZE',
    'arguments of "resize" take 3.4 MB as JSON; the limit is 1 MB (maxArgsBytes); store the data elsewhere and pass a reference',
  ],
  [
    'B-06 size, a byte too many',
    'x'.repeat(1_048_573),
    'PAYLOAD_SIZE',
    'arguments of "resize" take 1048577 bytes as JSON; the limit is 1048576 bytes (maxArgsBytes); store the data elsewhere and pass a reference',
  ],
  [
    'B-06 size of a shared tree',
    shared(),
    'PAYLOAD_SIZE',
    'arguments of "resize" take more than 1 MB as JSON; the limit is 1 MB (maxArgsBytes); store the data elsewhere and pass a reference',
  ],
  [
    'B-06 size of a billion holes',
    new Array(1e9),
    'PAYLOAD_SIZE',
    'arguments of "resize" take more than 1 MB as JSON; the limit is 1 MB (maxArgsBytes); store the data elsewhere and pass a reference',
  ],
  ['B-07 function', { cb: boom }, 'JSON_TYPE', 'argument $[0].cb is a function and cannot be stored'],
  [
    'B-07 symbol',
    { 'first name': [Symbol('x')] },
    'JSON_TYPE',
    'argument $[0]["first name"][0] is a symbol and cannot be stored',
  ],
  [
    'B-07 promise',
    Promise.resolve(1),
    'JSON_TYPE',
    'argument $[0] is a Promise (await it first) and cannot be stored',
  ],
  [
    'B-08 NaN',
    { price: Number.NaN },
    'JSON_NUMBER',
    'argument $[0].price is NaN; JSON would turn it into null',
  ],
  ['B-08 -Infinity', [-1 / 0], 'JSON_NUMBER', 'argument $[0][0] is -Infinity; JSON would turn it into null'],
  [
    'B-10 class',
    { user: new User() },
    'JSON_CLASS',
    'argument $[0].user is an instance of User; give a codec or pass a plain object',
  ],
  [
    'B-10 class with toJSON',
    new URL('http://a.b'),
    'JSON_CLASS',
    'argument $[0] is an instance of URL; give a codec or pass a plain object',
  ],
  [
    'B-10 other typed array',
    new Uint16Array(2),
    'JSON_CLASS',
    'argument $[0] is an instance of Uint16Array; give a codec or pass a plain object',
  ],
  ['B-11 invalid Date', { at: new Date(Number.NaN) }, 'JSON_DATE', 'argument $[0].at is an invalid Date'],
  ['B-12 toJSON throws', { x: { toJSON: boom } }, 'JSON_GETTER', 'reading $[0].x threw: boom'],
  [
    'B-12 getter throws',
    {
      get x() {
        return boom()
      },
    },
    'JSON_GETTER',
    'reading $[0].x threw: boom',
  ],
  [
    'B-12 revoked proxy',
    { x: revoked.proxy },
    'JSON_GETTER',
    "reading $[0].x threw: Cannot perform 'IsArray' on a proxy that has been revoked",
  ],
  [
    'B-12 toJSON without end',
    { toJSON: () => ({ toJSON: boom }) },
    'JSON_TYPE',
    'argument $[0] is a toJSON() that returns another toJSON() and cannot be stored',
  ],
  [
    'B-13 __proto__',
    protoKey,
    'JSON_PROTO',
    'argument $[0] has the key "__proto__"; it is refused because copying it can change prototypes',
  ],
  [
    'B-13 constructor.prototype',
    { a: constructorKey },
    'JSON_PROTO',
    'argument $[0].a has the key "constructor.prototype"; it is refused because copying it can change prototypes',
  ],
]

describe('encodeArgs', () => {
  test.each(ARGS)('refuses %s', (_, arg, code, message) => {
    expect(refusal(() => encodeArgs([arg], context))).toEqual({ code, message })
  })

  test.each(
    ARGS.filter(([name]) => !name.startsWith('B-06')),
  )('refuses %s beside a tagged value', (_, arg, code, message) => {
    const moved = (text: string) => text.replaceAll('$[0]', '$[1]')
    expect(refusal(() => encodeArgs([new Date(0), arg], context))).toEqual({ code, message: moved(message) })
  })

  test('names a later argument, keeps the cause and the path', () => {
    const cause = new Error('boom')
    const throwing = {
      a: {
        get x() {
          throw cause
        },
      },
    }
    expect(() => encodeArgs([1, throwing], context)).toThrow(
      expect.objectContaining({ code: 'JSON_GETTER', cause, details: { path: '$[1].a.x' } }),
    )
  })

  test('says which item of many (B-49)', () => {
    try {
      encodeArgs([Number.NaN], context)
    } catch (error) {
      const about = errorOfItem(error as CeleriacError, 412, 1000)
      expect(about).toMatchObject({ code: 'JSON_NUMBER', details: { path: '$[0]', item: 412, count: 1000 } })
      expect(about.message).toBe(
        'item 412 of 1000: argument $[0] is NaN; JSON would turn it into null; nothing was enqueued',
      )
      expect(about.stack).toContain('item 412 of 1000')
    }
    expect.assertions(3)
  })

  test('leaves the middle of a long path out', () => {
    const { message } = refusal(() => encodeArgs([{ ['k'.repeat(1000)]: deep(300), b: deep(513) }], context))
    expect(message.length).toBeLessThan(300)
  })

  const plain = { encode: (value: unknown) => value, decode: (json: unknown) => json }
  test.each([
    [
      'B-09 BigInt',
      { id: 1n },
      'JSON_BIGINT',
      'argument $[0].id is a BigInt; use the default codec or pass a string',
    ],
    [
      'B-10 Date',
      new Date(0),
      'JSON_CLASS',
      'argument $[0] is an instance of Date; give a codec or pass a plain object',
    ],
    ['B-07 undefined', undefined, 'JSON_TYPE', 'argument $[0] is undefined and cannot be stored'],
    [
      'B-01 NUL',
      '\0',
      'JSON_NUL',
      'argument $[0] contains U+0000 at index 0; PostgreSQL cannot store it; remove it or pass bytes as a Buffer',
    ],
  ] as const)('refuses %s from a codec that leaves it', (_, arg, code, message) => {
    expect(refusal(() => encodeArgs([arg], { ...context, codec: plain }))).toEqual({ code, message })
  })

  test('tells when the codec throws', () => {
    const codec = { encode: boom, decode: boom }
    expect(refusal(() => encodeArgs([1], { ...context, codec }))).toEqual({
      code: 'CODEC_FAILED',
      message: 'the codec could not encode argument $[0]: boom',
    })
    expect(refusal(() => decodeArgs([1], codec))).toEqual({
      code: 'DECODE_FAILED',
      message: 'stored arguments cannot be read: $[0] was refused by the codec: boom',
    })
  })
})

describe('encodeResult', () => {
  test.each([
    ['B-62 function', { x: boom }, 'JSON_TYPE', 'result of "resize": $.x is a function and cannot be stored'],
    [
      'B-62 class',
      new User(),
      'JSON_CLASS',
      'result of "resize": $ is an instance of User; give a codec or pass a plain object',
    ],
    ['B-62 depth', deep(513), 'JSON_DEPTH', 'result of "resize": $ is nested deeper than 512 levels'],
    [
      'B-63 size',
      'x'.repeat(12 * 1_048_576),
      'RESULT_SIZE',
      'result of "resize" takes 12 MB as JSON; the limit is 1 MB (maxResultBytes); store the data elsewhere and return a reference',
    ],
  ] as const)('refuses %s', (_, value, code, message) => {
    expect(refusal(() => encodeResult(value, context))).toEqual({ code, message })
  })

  test('takes 512 levels', () => {
    expect(encodeResult(deep(512), context)).toContain('{"a":1}')
  })
})

describe('decodeArgs and decodeValue', () => {
  test.each([
    ['B-15 a number out of range', '[{"n":1e400}]', '$[0].n is outside the range of a JavaScript number'],
    ['an unknown tag', '[{"$regexp":"a"}]', '$[0] has the unknown tag "$regexp"'],
    ['a tag that every object has', '[{"$toString":"a"}]', '$[0] has the unknown tag "$toString"'],
    ['a bad date', '[{"$date":"tomorrow"}]', '$[0] is not a valid $date'],
    ['a date of a number', '[{"$date":5}]', '$[0] is not a valid $date'],
    ['a bad bigint', '[{"$bigint":"1.5"}]', '$[0] is not a valid $bigint'],
    ['a map without pairs', '[{"$map":[[1]]}]', '$[0] is not a valid $map'],
    ['a bad value in a map', '[{"a":{"$map":[[1,{"$x":1}]]}}]', '$[0].a[0][1] has the unknown tag "$x"'],
    ['a set that is no list', '[{"$set":{}}]', '$[0] is not a valid $set'],
    ['bytes that are not base64', '[{"$bytes":"a*b="}]', '$[0] is not a valid $bytes'],
    ['undefined with a body', '[{"$undefined":1}]', '$[0] is not a valid $undefined'],
    ['an error without a message', '[{"$error":{"name":"Error"}}]', '$[0] is not a valid $error'],
    ['args that are no array', '{"a":1}', '$ is not an array'],
    [
      'ten thousand levels',
      `${'['.repeat(10_000)}${']'.repeat(10_000)}`,
      ' is nested deeper than 2048 levels',
    ],
  ])('refuses %s', (_, text, problem) => {
    const { code, message } = refusal(() => decodeArgs(JSON.parse(text)))
    expect(code).toBe('DECODE_FAILED')
    expect(message).toMatch(/^stored arguments cannot be read: /)
    expect(message).toContain(problem)
  })

  test('never changes a prototype', () => {
    const stored: unknown = JSON.parse(
      '{"__proto__":{"at":{"$date":"1970-01-01T00:00:00.000Z"}},"b":{"$$__proto__":1}}',
    )
    const got = decodeValue(stored) as object
    expect(Object.getPrototypeOf(got)).toBe(Object.prototype)
    expect(Object.getOwnPropertyDescriptor(got, '__proto__')?.value).toEqual({ at: new Date(0) })
    expect(JSON.stringify(stored)).toContain('"$date"')
    const escaped = decodeValue(JSON.parse('{"$$__proto__":{"admin":true}}')) as object
    expect(Object.keys(escaped)).toEqual(['$__proto__'])
    expect('admin' in escaped).toBe(false)
  })

  test('keep what has no tags as it is', () => {
    const stored = { a: [1, { b: 2 }], c: 'text' }
    expect(decodeValue(stored)).toBe(stored)
  })
})

describe('hasTags', () => {
  test.each([
    ['{"a":1}', false],
    ['{"price":"5 $"}', false],
    ['{"$date":"1970"}', true],
    ['["$5"]', true],
    [`[${'9'.repeat(308)}]`, false],
    [`[1,${'9'.repeat(309)}]`, true],
    [`["${'x'.repeat(500)}",${'9'.repeat(309)}]`, true],
    [`{"a":${'12,'.repeat(500)}"b"`, false],
    [`[${`${'9'.repeat(308)},`.repeat(5)}${'9'.repeat(309)}]`, true],
    [`[${`${'9'.repeat(308)},`.repeat(50)}1]`, false],
  ])('looks for tags and numbers out of range in %s', (text, expected) => {
    expect(hasTags(text)).toBe(expected)
  })

  test('agrees with a slow search for long numbers', () => {
    const run = fc.tuple(
      fc.constantFrom(1, 306, 307, 308, 309, 310, 616, 700),
      fc.constantFrom(',', ',-', ', a '),
    )
    fc.assert(
      fc.property(fc.array(run, { maxLength: 6 }), (runs) => {
        const text = runs.map(([digits, end]) => '9'.repeat(digits) + end).join('')
        expect(hasTags(text)).toBe(/\d{309}/.test(text))
      }),
      { numRuns: 1000 },
    )
  })
})
