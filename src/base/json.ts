import { CeleriacError, isCeleriacError } from './errors.ts'
import { decodeTree } from './json-decode.ts'
import { encodeTree, isPlainObject, MAX_DEPTH, type Walk } from './json-encode.ts'
import { placeOf, type Spot, type Subject, unreadable } from './json-path.ts'
import { clip, formatBytes, preview, quote } from './text.ts'

/*
 * Values are stored as readable jsonb. What JSON lacks is a tag, an object with a single key:
 *
 *   Date     {"$date":"2026-11-21T07:46:00.000Z"}     Map        {"$map":[[key,value],…]}
 *   bigint   {"$bigint":"9007199254740993"}           Set        {"$set":[member,…]}
 *   Buffer   {"$bytes":"aGk="} (or Uint8Array)        undefined  {"$undefined":true}
 *   Error    {"$error":{"name","message","stack","code","cause"}}
 *
 * An object of the user's that looks like one gets a second dollar ({"$date":1} → {"$$date":1}), so that every
 * value comes back as it went. Almost all args are plain JSON: they cost one check and one JSON.stringify.
 */

/** A value as JSON has it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/**
 * Turns values into JSON and back, for one argument or one result at a time.
 *
 * What `encode` returns must be plain JSON; it is checked and stored as it is. {@link taggedCodec} is the default.
 */
export interface Codec {
  encode(value: unknown): unknown
  decode(json: unknown): unknown
}

/** Whose args are encoded, and their bound. */
export interface ArgsContext {
  readonly task: string
  /** Bytes of JSON, in UTF-8. */
  readonly maxBytes: number
  readonly codec?: Codec | undefined
}

/** Whose result is encoded, and its bound. */
export type ResultContext = ArgsContext

/**
 * Writes the args of a job as JSON text, an array.
 *
 * @throws {CeleriacError} `JSON_…` naming the path of what cannot be stored, `PAYLOAD_SIZE`, `CODEC_FAILED`
 */
export function encodeArgs(args: readonly unknown[], context: ArgsContext): string {
  const { codec, maxBytes } = context
  const text =
    codec === undefined
      ? (plainText(args, 0, maxBytes) ?? encodeEach(args, context))
      : encodeEach(args, context, codec)
  return fits(text, maxBytes) ? text : refuseSize('PAYLOAD_SIZE', context, text)
}

function encodeEach(args: readonly unknown[], context: ArgsContext, codec?: Codec): string {
  const walk = walkOf('argument', 'PAYLOAD_SIZE', context, codec)
  const root: Spot = { parent: null, value: args }
  return stringify(
    Array.from(args, (arg, key) => {
      const spot = { parent: root, key }
      return encodeTree(codec === undefined ? arg : applied(codec, arg, spot, walk), spot, 1, walk)
    }),
    'PAYLOAD_SIZE',
    context,
  )
}

/**
 * Writes the result of a job as JSON text.
 *
 * @returns `null` for `undefined`: the task returned nothing
 * @throws {CeleriacError} `JSON_…` naming the path of what cannot be stored, `RESULT_SIZE`, `CODEC_FAILED`
 */
export function encodeResult(value: unknown, context: ResultContext): string | null {
  if (value === undefined) return null
  const { codec, maxBytes } = context
  const text = (codec === undefined ? plainText(value, 1, maxBytes) : null) ?? encodeOne(value, context)
  return fits(text, maxBytes) ? text : refuseSize('RESULT_SIZE', context, text)
}

function encodeOne(value: unknown, context: ResultContext): string {
  const { codec } = context
  const walk = walkOf(`result of ${quote(context.task, 202)}:`, 'RESULT_SIZE', context, codec)
  const root: Spot = { parent: null }
  const tree = encodeTree(codec === undefined ? value : applied(codec, value, root, walk), root, 1, walk)
  return stringify(tree, 'RESULT_SIZE', context)
}

function applied(codec: Codec, value: unknown, spot: Spot, walk: Walk): unknown {
  try {
    return codec.encode(value)
  } catch (error) {
    if (isCeleriacError(error)) throw error
    throw new CeleriacError(
      'CODEC_FAILED',
      { place: placeOf(walk.subject, spot), reason: reasonOf(error) },
      { cause: error },
    )
  }
}

/**
 * Reads the args of a job back.
 *
 * @throws {CeleriacError} `DECODE_FAILED` when they are no array, hold a bad tag or a number out of range.
 */
export function decodeArgs(json: unknown, codec?: Codec): readonly unknown[] {
  const root: Spot = { parent: null }
  if (!Array.isArray(json)) throw unreadable('arguments', root, 'is not an array')
  return json.map((arg: unknown, key) => decodeAt(arg, { parent: root, key }, 'arguments', codec))
}

/**
 * Reads one stored value back; `json` is parsed already and is not changed.
 *
 * @param what - how a refusal calls it: `stored value cannot be read: …`
 * @throws {CeleriacError} `DECODE_FAILED` on an unknown tag, a bad tag body or a number out of range.
 */
export function decodeValue(json: unknown, codec?: Codec, what = 'value'): unknown {
  return decodeAt(json, { parent: null }, what, codec)
}

function decodeAt(json: unknown, spot: Spot, what: string, codec: Codec | undefined): unknown {
  if (codec === undefined) return decodeTree(json, spot, 1, { what, mode: 'tags' })
  decodeTree(json, spot, 1, { what, mode: 'json' }) // only its numbers are checked
  try {
    return codec.decode(json)
  } catch (error) {
    if (isCeleriacError(error, 'DECODE_FAILED')) throw error
    throw unreadable(what, spot, `was refused by the codec: ${reasonOf(error)}`, error)
  }
}

/** The codec that is used when none is given, for codecs that build on it. */
export const taggedCodec: Codec = {
  encode: (value) =>
    encodeTree(
      value,
      { parent: null },
      1,
      walkOf('argument', 'PAYLOAD_SIZE', { task: '', maxBytes: Number.POSITIVE_INFINITY }),
    ),
  decode: (json) => decodeValue(json),
}

/**
 * Whether JSON text of args or results may need {@link decodeValue}: it holds a tag, or a number so long that
 * JSON.parse may have made it Infinity. Costs next to nothing; may say yes for nothing.
 */
export function hasTags(text: string): boolean {
  // A quote is found at every step, a dollar seldom: looking for it alone first is five times as fast.
  return (text.includes('$') && text.includes('"$')) || hasLongNumber(text)
}

/** Numbers up to 308 digits are in range; jsonb writes larger ones out, so looking at each 308th character finds them. */
function hasLongNumber(text: string): boolean {
  for (let index = DIGITS - 1; index < text.length; index += DIGITS) {
    if (!isDigit(text.charCodeAt(index))) continue
    let from = index
    let to = index
    while (from > 0 && isDigit(text.charCodeAt(from - 1))) from -= 1
    while (isDigit(text.charCodeAt(to + 1))) to += 1
    if (to - from >= DIGITS) return true
    index = Math.max(index, to - DIGITS + 1)
  }
  return false
}

const DIGITS = 308
const isDigit = (code: number): boolean => code >= 48 && code <= 57

/** The text of a value that is plain JSON and holds nothing to refuse or escape; `null` sends it the careful way. */
function plainText(value: unknown, depth: number, maxBytes: number): string | null {
  try {
    valuesLeft = maxBytes
    if (!isPlain(value, depth)) return null
    const text = JSON.stringify(value)
    return NEEDS_CARE.test(text) ? null : text
  } catch {
    return null // the careful way meets the same error again and says where
  }
}

/** A shared subtree can make a small value into endless text; each value takes a byte at least. */
let valuesLeft = 0

function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value)
    case 'object':
      if (value === null) return true
      valuesLeft -= 1
      if (depth > MAX_DEPTH || valuesLeft < 0) return false
      return Array.isArray(value)
        ? isPlainList(value, depth + 1)
        : isPlainObject(value) && hasPlainFields(value, depth + 1)
    default:
      return false
  }
}

function isPlainList(list: readonly unknown[], depth: number): boolean {
  for (let index = 0; index < list.length; index += 1) {
    if (!isPlain(list[index], depth)) return false
  }
  return true
}

function hasPlainFields(value: Record<string, unknown>, depth: number): boolean {
  for (const key in value) {
    if (!isPlain(value[key], depth)) return false
  }
  return true
}

/**
 * What the text alone gives away. JSON.stringify writes NUL and half characters (like other controls) as `\u…`, so
 * one search stands for a test of every string and key. One expression, since a search for `"$` stops at each quote.
 */
const NEEDS_CARE = /\\u|"(?:\$|__proto__"|prototype")/

function fits(text: string, maxBytes: number): boolean {
  // A UTF-16 unit takes one to three bytes, so most texts need no counting.
  return text.length * 3 <= maxBytes || (text.length <= maxBytes && Buffer.byteLength(text) <= maxBytes)
}

type SizeCode = 'PAYLOAD_SIZE' | 'RESULT_SIZE'

function walkOf(subject: Subject, code: SizeCode, context: ArgsContext, codec?: Codec): Walk {
  const tooLarge = () => sizeError(code, context, `more than ${formatBytes(context.maxBytes)}`)
  return { subject, mode: codec === undefined ? 'tags' : 'json', valuesLeft: context.maxBytes, tooLarge }
}

function stringify(tree: Json, code: SizeCode, context: ArgsContext): string {
  try {
    return JSON.stringify(tree)
  } catch {
    // The tree is plain by now; only V8's bound on the length of a string (512 MB) is left.
    throw sizeError(code, context, 'more than 512 MB')
  }
}

function refuseSize(code: SizeCode, context: ArgsContext, text: string): never {
  const bytes = Buffer.byteLength(text)
  const shown = formatBytes(bytes)
  const size = shown === formatBytes(context.maxBytes) ? `${bytes} bytes` : shown
  throw sizeError(code, context, size, bytes)
}

function sizeError(code: SizeCode, context: ArgsContext, size: string, bytes?: number): CeleriacError {
  const { task, maxBytes } = context
  const limit = size === `${bytes} bytes` ? `${maxBytes} bytes` : formatBytes(maxBytes)
  const details = { limit: maxBytes, ...(bytes !== undefined && { got: bytes }) }
  return new CeleriacError(code, { task, size, limit }, { details })
}

const reasonOf = (error: unknown) => (error instanceof Error ? clip(error.message, 60) : preview(error))
