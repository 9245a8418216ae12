/// <reference lib="es2024.string" />

/** Cuts a text at `max` UTF-16 units, never through a character, and says so with an ellipsis. */
export function clip(text: string, max: number): string {
  if (text.length <= max) return text
  return `${text.slice(0, max - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}

/**
 * Makes a text that we write ourselves (errors, logs, progress) safe for PostgreSQL: NUL becomes `\u0000` spelled
 * out, half characters become U+FFFD, and what is longer than `maxBytes` in UTF-8 is cut and says so.
 */
export function sanitise(text: string, maxBytes: number): string {
  // A UTF-16 unit takes at least one byte, so what lies behind maxBytes units cannot be kept anyway.
  const head = text.length > maxBytes ? text.slice(0, maxBytes) : text
  const clean = (head.includes('\0') ? head.replaceAll('\0', '\\u0000') : head).toWellFormed()
  if (head.length === text.length && clean.length * 3 <= maxBytes) return clean
  const bytes = Buffer.from(clean)
  if (head.length === text.length && bytes.length <= maxBytes) return clean
  const note = `… [cut, ${inUnits(Buffer.byteLength(text), 1)}]`
  return keepBytes(bytes, Math.max(0, maxBytes - Buffer.byteLength(note))) + note
}

function keepBytes(bytes: Buffer, max: number): string {
  let end = Math.min(max, bytes.length)
  // A byte of the form 10xxxxxx continues a character: step back to where that character begins.
  while (end > 0 && end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return bytes.toString('utf8', 0, end)
}

/**
 * Shows a value in a message in at most `max` characters: scalars as they are, strings quoted with what is
 * invisible spelled out, anything else by its kind, since its contents may be secret.
 */
export function preview(value: unknown, max = 60): string {
  try {
    return clip(show(value, max), max)
  } catch {
    return 'a value that cannot be shown'
  }
}

function show(value: unknown, max: number): string {
  switch (typeof value) {
    case 'string':
      return quote(value, max)
    case 'bigint':
      return `${clip(String(value), max - 1)}n`
    case 'function':
      return value.name === '' ? 'a function' : `the function ${value.name}`
    case 'symbol':
      return String(value)
    case 'object':
      return value === null ? 'null' : kindOf(value)
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value)
    case 'boolean':
    case 'undefined':
      return String(value)
  }
}

const PART_OF_ESCAPE = /\\(u[0-9a-f]{0,3})?$/

/** A string in quotes; control, format and bidi characters, lone surrogates and line separators as `\uXXXX`. */
export function quote(text: string, max = 60): string {
  const shown = text.length > max - 2 ? clip(text, max - 2) : text
  const escaped = JSON.stringify(shown).replace(/[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]/gu, (char) =>
    char
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  )
  if (escaped.length <= max) return escaped
  return `${escaped.slice(0, max - 2).replace(PART_OF_ESCAPE, '')}…"`
}

function kindOf(value: object): string {
  if (Array.isArray(value)) return value.length === 1 ? 'an array of 1' : `an array of ${value.length}`
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : value.toISOString()
  const name = classNameOf(value)
  return name === 'Object' ? 'an object' : `an instance of ${name}`
}

/** The name of a value's class, `Object` for a plain one; never runs the value's own code except accessors. */
export function classNameOf(value: object): string {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (typeof prototype !== 'object' || prototype === null) return 'Object'
  const { constructor: type } = prototype
  return typeof type === 'function' && type.name !== '' ? type.name : 'an unnamed class'
}

/** `512 bytes`, `3.4 MB`, `1 MB`: a size for people, in units of 1024. */
export function formatBytes(bytes: number): string {
  return inUnits(bytes, 0)
}

function inUnits(bytes: number, leastDecimals: number): string {
  if (bytes < 1024) return bytes === 1 ? '1 byte' : `${bytes} bytes`
  let value = bytes / 1024
  let unit = 0
  while (value >= 1023.95 && unit < UNITS.length - 1) {
    value /= 1024
    unit += 1
  }
  const rounded = value.toFixed(1)
  return `${leastDecimals === 0 && rounded.endsWith('.0') ? rounded.slice(0, -2) : rounded} ${UNITS[unit]}`
}

const UNITS = ['KB', 'MB', 'GB', 'TB'] as const
