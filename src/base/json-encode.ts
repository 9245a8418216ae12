import { types } from 'node:util'
import { CeleriacError, isCeleriacError } from './errors.ts'
import type { Json } from './json.ts'
import { argumentOf, pathOf, placeOf, type Spot, type Subject } from './json-path.ts'
import { classNameOf, clip, preview, quote } from './text.ts'

/** The deepest nesting of one argument or result. */
export const MAX_DEPTH = 512

/** One journey through a value that is not plain JSON, or that holds something to refuse. */
export interface Walk {
  readonly subject: Subject
  /** `tags`: what JSON lacks becomes a tag. `json`: a codec of the user's has done that, the rest is refused. */
  readonly mode: 'tags' | 'json'
  /** Values still allowed; each takes at least a byte of JSON. */
  valuesLeft: number
  /** Makes the error for too many values. */
  readonly tooLarge: () => CeleriacError
}

/**
 * Rewrites a value as JSON with tags, or throws the refusal that names the place.
 *
 * Data that comes in is never repaired: what JSON would silently drop or turn into something else is refused.
 */
export function encodeTree(value: unknown, spot: Spot, depth: number, walk: Walk): Json {
  walk.valuesLeft -= 1
  if (walk.valuesLeft < 0) throw walk.tooLarge()
  switch (typeof value) {
    case 'string':
      return checkText(value, () => placeOf(walk.subject, spot), spot)
    case 'boolean':
      return value
    case 'number':
      if (Number.isFinite(value)) return value
      throw new CeleriacError(
        'JSON_NUMBER',
        { place: placeOf(walk.subject, spot), number: String(value) },
        at(spot),
      )
    case 'bigint':
      if (walk.mode === 'tags') return { $bigint: String(value) }
      throw new CeleriacError('JSON_BIGINT', { place: placeOf(walk.subject, spot) }, at(spot))
    case 'undefined':
      if (walk.mode === 'tags') return { $undefined: true }
      throw cannotStore('undefined', spot, walk)
    case 'function':
    case 'symbol':
      throw cannotStore(`a ${typeof value}`, spot, walk)
    case 'object':
      return value === null ? null : reading(spot, walk, () => encodeObject(value, spot, depth, walk))
  }
}

function encodeObject(value: object, spot: Spot, depth: number, walk: Walk): Json {
  for (let above = spot.parent; above !== null; above = above.parent) {
    if (above.value !== value) continue
    const facts = { place: placeOf(walk.subject, spot), target: pathOf(above) }
    throw new CeleriacError('JSON_CYCLE', facts, at(spot))
  }
  if (depth > MAX_DEPTH) throw tooDeep(spot, walk)
  const here: Spot = { ...spot, value }
  if (Array.isArray(value)) return encodeArray(value, here, depth, walk)
  if (isPlainObject(value)) return encodePlain(value, here, depth, walk)
  return encodeSpecial(value, here, depth, walk)
}

function tooDeep(spot: Spot, { subject }: Walk): CeleriacError {
  const place = placeOf(subject, argumentOf(spot, subject))
  return new CeleriacError('JSON_DEPTH', { place, limit: MAX_DEPTH }, at(spot))
}

function encodeArray(list: readonly unknown[], here: Spot, depth: number, walk: Walk): Json {
  // A list of a billion holes is one short expression; it must not cost a billion steps.
  if (list.length > walk.valuesLeft) throw walk.tooLarge()
  // Not map(), which skips holes.
  return Array.from(list, (_, index) => child(list, index, here, depth, walk))
}

function encodePlain(value: object, here: Spot, depth: number, walk: Walk): Json {
  const toJson: unknown = Reflect.get(value, 'toJSON')
  if (typeof toJson === 'function')
    return encodeOwnJson(Reflect.apply(toJson, value, [String(here.key ?? '')]), here, depth, walk)
  const keys = Object.keys(value)
  const [only = ''] = keys
  if (walk.mode === 'tags' && keys.length === 1 && only.startsWith('$')) {
    checkKey(value, only, here, walk)
    return { [`$${only}`]: child(value, only, here, depth, walk) }
  }
  const encoded: Record<string, Json> = {}
  for (const key of keys) {
    checkKey(value, key, here, walk)
    if (walk.mode === 'json' && Reflect.get(value, key) === undefined) continue
    encoded[key] = child(value, key, here, depth, walk)
  }
  return encoded
}

/** A plain object that brings its own JSON form; like JSON.stringify, the form's own `toJSON` is not called. */
function encodeOwnJson(form: unknown, here: Spot, depth: number, walk: Walk): Json {
  if (
    typeof form === 'object' &&
    form !== null &&
    typeof Reflect.get(form, 'toJSON') === 'function' &&
    !(form instanceof Date)
  ) {
    throw cannotStore('a toJSON() that returns another toJSON()', here, walk)
  }
  const outside: Spot = { parent: here.parent, ...(here.key !== undefined && { key: here.key }) }
  return encodeTree(form, outside, depth, walk)
}

/** Marks a class of ours whose instances travel as what their `toJSON` gives, such as a signature. */
export const OWN_JSON = Symbol.for('celeriac.json')

function encodeSpecial(value: object, here: Spot, depth: number, walk: Walk): Json {
  if (OWN_JSON in value)
    return encodeOwnJson(Reflect.apply(Reflect.get(value, 'toJSON'), value, []), here, depth, walk)
  if (types.isPromise(value)) throw cannotStore('a Promise (await it first)', here, walk)
  if (types.isDate(value) && Number.isNaN(value.getTime())) {
    throw new CeleriacError('JSON_DATE', { place: placeOf(walk.subject, here) }, at(here))
  }
  if (walk.mode === 'tags') {
    if (types.isDate(value)) return { $date: value.toISOString() }
    if (types.isMap(value))
      return { $map: Array.from(value, (pair, index) => encodePair(pair, index, here, depth, walk)) }
    if (types.isSet(value))
      return { $set: Array.from(value, (member, index) => under(member, index, here, depth, walk)) }
    if (types.isUint8Array(value)) return { $bytes: base64(value) }
    if (isError(value)) return { $error: encodeError(value, here, depth, walk) }
  }
  const facts = { place: placeOf(walk.subject, here), className: clip(classNameOf(value), 60) }
  throw new CeleriacError('JSON_CLASS', facts, at(here))
}

function encodePair(pair: readonly unknown[], index: number, here: Spot, depth: number, walk: Walk): Json {
  const spot: Spot = { parent: here, key: index }
  return [under(pair[0], 0, spot, depth, walk), under(pair[1], 1, spot, depth, walk)]
}

function encodeError(error: object, here: Spot, depth: number, walk: Walk): Json {
  const encoded: Record<string, Json> = { name: 'Error', message: '' }
  for (const key of ['name', 'message', 'stack', 'code']) {
    const part: unknown = Reflect.get(error, key)
    if (typeof part !== 'string' && !(key === 'code' && typeof part === 'number')) continue
    encoded[key] = under(part, key, here, depth, walk)
  }
  for (const key of ['cause', 'errors']) {
    if (Object.hasOwn(error, key)) encoded[key] = child(error, key, here, depth, walk)
  }
  return encoded
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

function child(holder: object, key: string | number, here: Spot, depth: number, walk: Walk): Json {
  const spot: Spot = { parent: here, key }
  return encodeTree(
    reading(spot, walk, () => Reflect.get(holder, key)),
    spot,
    depth + 1,
    walk,
  )
}

function under(value: unknown, key: string | number, here: Spot, depth: number, walk: Walk): Json {
  return encodeTree(value, { parent: here, key }, depth + 1, walk)
}

/** Getters, proxies and toJSON are the user's code: what they throw is reported with the place. */
function reading<Value>(spot: Spot, walk: Walk, read: () => Value): Value {
  try {
    return read()
  } catch (error) {
    if (isCeleriacError(error)) throw error
    // Called from deep within, or through many toJSON(), the stack may end before our own bound does.
    if (error instanceof RangeError && error.message.startsWith('Maximum call stack'))
      throw tooDeep(spot, walk)
    const reason = error instanceof Error ? clip(error.message, 60) : preview(error)
    throw new CeleriacError('JSON_GETTER', { place: pathOf(spot), reason }, { cause: error, ...at(spot) })
  }
}

function checkKey(holder: object, key: string, here: Spot, walk: Walk): void {
  checkText(key, () => `key ${quote(key)} at ${pathOf(here)}`, here)
  const refused =
    key === '__proto__'
      ? key
      : key === 'constructor' && holdsPrototype(holder, here, walk)
        ? 'constructor.prototype'
        : null
  if (refused === null) return
  throw new CeleriacError('JSON_PROTO', { place: placeOf(walk.subject, here), key: refused }, at(here))
}

function holdsPrototype(holder: object, here: Spot, walk: Walk): boolean {
  const inner = reading({ parent: here, key: 'constructor' }, walk, () => Reflect.get(holder, 'constructor'))
  return typeof inner === 'object' && inner !== null && Object.hasOwn(inner, 'prototype')
}

function checkText(text: string, place: () => string, spot: Spot): string {
  if (text.includes('\0')) {
    throw new CeleriacError('JSON_NUL', { place: place(), index: text.indexOf('\0') }, at(spot))
  }
  if (text.isWellFormed()) return text
  const index = text.search(LONE)
  const unit = `U+${text.charCodeAt(index).toString(16).toUpperCase()}`
  throw new CeleriacError('JSON_SURROGATE', { place: place(), unit, index }, at(spot))
}

/** With the u flag a pair is one character, so that this class matches only halves. */
const LONE = /\p{Surrogate}/u

function cannotStore(kind: string, spot: Spot, walk: Walk): CeleriacError {
  return new CeleriacError('JSON_TYPE', { place: placeOf(walk.subject, spot), kind }, at(spot))
}

const at = (spot: Spot) => ({ details: { path: pathOf(spot) } })

/** Plain in this realm or another: nothing stands between it and the end of its prototypes but one Object.prototype. */
export function isPlainObject(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value)
  return (
    prototype === Object.prototype ||
    prototype === null ||
    (typeof prototype === 'object' && Object.getPrototypeOf(prototype) === null)
  )
}

const isError = (value: object): boolean => value instanceof Error || types.isNativeError(value)
