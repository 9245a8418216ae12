import { type Spot, unreadable } from './json-path.ts'
import { quote } from './text.ts'
import { plainError } from './thrown.ts'

/** Of stored JSON, which others may have written: a Map takes three levels, and 512 of those may be nested. */
const MAX_STORED_DEPTH = 2048

/** What is read, for the words of a refusal, and whether tags mean something in it. */
export interface Reading {
  readonly what: string
  readonly mode: 'tags' | 'json'
}

/**
 * Reads back what the encoder wrote. Subtrees without tags are returned as they are, never changed.
 *
 * @throws {CeleriacError} `DECODE_FAILED`
 */
export function decodeTree(json: unknown, spot: Spot, depth: number, reading: Reading): unknown {
  if (typeof json === 'number') {
    if (Number.isFinite(json)) return json
    throw unreadable(reading.what, spot, 'is outside the range of a JavaScript number')
  }
  if (typeof json !== 'object' || json === null) return json
  if (depth > MAX_STORED_DEPTH)
    throw unreadable(reading.what, spot, `is nested deeper than ${MAX_STORED_DEPTH} levels`)
  if (Array.isArray(json)) return decodeList(json, spot, depth, reading)
  const keys = Object.keys(json)
  const [only = ''] = keys
  if (reading.mode === 'tags' && keys.length === 1 && only.startsWith('$')) {
    return decodeTag(only, Reflect.get(json, only), spot, depth, reading)
  }
  return decodeObject(json, keys, spot, depth, reading)
}

function decodeList(
  list: readonly unknown[],
  spot: Spot,
  depth: number,
  reading: Reading,
): readonly unknown[] {
  let copy: unknown[] | null = null
  for (let index = 0; index < list.length; index += 1) {
    const decoded = decodeTree(list[index], { parent: spot, key: index }, depth + 1, reading)
    if (decoded === list[index]) continue
    copy ??= [...list]
    copy[index] = decoded
  }
  return copy ?? list
}

function decodeObject(
  json: object,
  keys: readonly string[],
  spot: Spot,
  depth: number,
  reading: Reading,
): object {
  let copy: object | null = null
  for (const key of keys) {
    const value: unknown = Reflect.get(json, key)
    const decoded = decodeTree(value, { parent: spot, key }, depth + 1, reading)
    if (decoded === value) continue
    copy ??= { ...json }
    define(copy, key, decoded)
  }
  return copy ?? json
}

/** Assigning to a key `__proto__` would change the prototype; defining it makes a property like any other. */
function define(target: object, key: string, value: unknown): object {
  return Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
}

function decodeTag(tag: string, body: unknown, spot: Spot, depth: number, reading: Reading): unknown {
  const inner = (value: unknown, ...keys: readonly (string | number)[]): unknown => {
    const place = keys.reduce<Spot>((parent, key) => ({ parent, key }), spot)
    return decodeTree(value, place, depth + keys.length, reading)
  }
  if (tag.startsWith('$$')) return define({}, tag.slice(1), inner(body, tag.slice(1)))
  const read = Object.hasOwn(TAGS, tag) ? TAGS[tag] : undefined
  if (read === undefined) throw unreadable(reading.what, spot, `has the unknown tag ${quote(tag)}`)
  const value = read(body, inner)
  if (value === INVALID) throw unreadable(reading.what, spot, `is not a valid ${tag}`)
  return value
}

/** Reads a value inside of a tag; the keys lead to it. */
type Inner = (value: unknown, ...keys: readonly (string | number)[]) => unknown

const INVALID = Symbol('invalid')

const TAGS: Readonly<Record<string, (body: unknown, inner: Inner) => unknown>> = {
  $date: (body) => {
    const date = new Date(typeof body === 'string' && ISO.test(body) ? body : Number.NaN)
    return Number.isNaN(date.getTime()) ? INVALID : date
  },
  $bigint: (body) => (typeof body === 'string' && INTEGER.test(body) ? BigInt(body) : INVALID),
  $map: (body, inner) => {
    if (!isList(body) || !body.every(isPair)) return INVALID
    return new Map(body.filter(isPair).map(([key, value], at) => [inner(key, at, 0), inner(value, at, 1)]))
  },
  $set: (body, inner) => (isList(body) ? new Set(body.map((member, at) => inner(member, at))) : INVALID),
  $bytes: (body) => {
    if (typeof body !== 'string') return INVALID
    const bytes = Buffer.from(body, 'base64')
    // Buffer.from skips whatever is not base64; the way back shows it.
    return bytes.toString('base64') === body ? bytes : INVALID
  },
  $undefined: (body) => (body === true ? undefined : INVALID),
  $error: readError,
}

function readError(body: unknown, inner: Inner): unknown {
  if (typeof body !== 'object' || body === null) return INVALID
  const part = (key: string): unknown => (Object.hasOwn(body, key) ? Reflect.get(body, key) : undefined)
  const name = part('name')
  const message = part('message')
  const stack = part('stack')
  const code = part('code')
  const errors = part('errors')
  if (typeof name !== 'string' || typeof message !== 'string') return INVALID
  return plainError({
    name,
    message,
    ...(typeof stack === 'string' && { stack }),
    ...((typeof code === 'string' || typeof code === 'number') && { code }),
    ...(Object.hasOwn(body, 'cause') && { cause: inner(part('cause'), 'cause') }),
    ...(isList(errors) && { errors: errors.map((member, at) => inner(member, 'errors', at)) }),
  })
}

const ISO = /^([+-]\d{6}|\d{4})-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/
const INTEGER = /^-?\d+$/

const isList = (body: unknown): body is readonly unknown[] => Array.isArray(body)
const isPair = (pair: unknown): pair is readonly [unknown, unknown] =>
  Array.isArray(pair) && pair.length === 2
