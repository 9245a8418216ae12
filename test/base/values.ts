import fc from 'fast-check'
import { plainError } from '../../src/base/thrown.ts'

const text = (max = 20) =>
  fc.string({ unit: 'binary', maxLength: max }).filter((value) => !value.includes('\0'))

/** Keys of every kind, the ones that look like tags among them. */
const key = fc
  .oneof(
    text(),
    fc.constantFrom(
      '$date',
      '$$date',
      '$',
      '$map',
      '$undefined',
      '$unknown',
      'toString',
      'then',
      'constructor',
    ),
  )
  .filter((name) => name !== '__proto__')

const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value))

const record = <Value>(value: fc.Arbitrary<Value>) =>
  fc.dictionary(key, value, { maxKeys: 4, noNullPrototype: true }).filter((found) => !('prototype' in found))

/** Any value that the default codec promises to give back. */
export const storable: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(null, true, false, undefined, 0, '', '$date', '\\u0000', '"$'),
    number,
    fc.integer(),
    text(),
    fc.bigInt(),
    fc.date({ noInvalidDate: true }),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
    fc.array(tie('value'), { maxLength: 4 }),
    record(tie('value')),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.array(tie('value'), { maxLength: 3 }).map((members) => new Set(members)),
    fc
      .record({ name: text(), message: text(), stack: text(), cause: tie('value') })
      .map((parts) => plainError(parts)),
    fc
      .record({ name: text(), message: text(), code: fc.oneof(text(), number) })
      .map((parts) => plainError(parts)),
  ),
})).value
