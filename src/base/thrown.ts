import { isCeleriacError } from './errors.ts'
import { preview, sanitise } from './text.ts'

/** An error as a row holds it: safe as JSON and for PostgreSQL, whatever was thrown. */
export interface StoredError {
  readonly name: string
  readonly message: string
  readonly stack?: string
  readonly code?: string | number
  readonly cause?: StoredError
  /** The members of an AggregateError, the first ten. */
  readonly errors?: readonly StoredError[]
  /** The facts of a CeleriacError. */
  readonly details?: Readonly<Record<string, string | number>>
}

/** How much of what was thrown is kept: bytes of text, and numbers of errors. */
export const THROWN_LIMITS = { name: 200, message: 4096, stack: 16_384, causes: 5, members: 10 } as const

/**
 * Writes down whatever a handler has thrown. It never throws itself: accessors and proxies that do are passed over.
 *
 * What is not an error is recorded as `NonError: thrown value was …`.
 */
export function serialiseThrown(thrown: unknown): StoredError {
  return serialise(thrown, THROWN_LIMITS.causes, new Set())
}

function serialise(thrown: unknown, causesLeft: number, seen: Set<unknown>): StoredError {
  if (!isErrorLike(thrown)) return nonError(thrown)
  seen.add(thrown)
  const name = cut(readText(thrown, 'name') || 'Error', THROWN_LIMITS.name)
  const message = cut(readText(thrown, 'message') ?? '', THROWN_LIMITS.message)
  const stack = readText(thrown, 'stack')
  const code = codeOf(thrown)
  const details = isCeleriacError(thrown) ? factsOf(thrown.facts) : undefined
  const cause = causeOf(thrown, causesLeft, seen)
  const errors = membersOf(thrown, causesLeft, seen)
  return {
    name,
    message,
    ...(stack !== undefined && { stack: cut(withShortHead(stack, name, message), THROWN_LIMITS.stack) }),
    ...(code !== undefined && { code }),
    ...(cause !== undefined && { cause }),
    ...(errors !== undefined && { errors }),
    ...(details !== undefined && { details }),
  }
}

/** Many libraries throw plain objects with a message; those are errors to their users. */
function isErrorLike(thrown: unknown): thrown is object {
  if (typeof thrown !== 'object' || thrown === null) return false
  try {
    if (thrown instanceof Error) return true
  } catch {
    return false
  }
  return readText(thrown, 'message') !== undefined
}

function nonError(thrown: unknown): StoredError {
  const message = cut(`thrown value was ${preview(thrown, THROWN_LIMITS.message)}`, THROWN_LIMITS.message)
  return { name: 'NonError', message, code: 'THROWN_NON_ERROR' }
}

function codeOf(thrown: object): string | number | undefined {
  const code = read(thrown, 'code')
  if (typeof code === 'string') return cut(code, THROWN_LIMITS.name)
  return typeof code === 'number' && Number.isFinite(code) ? code : undefined
}

function causeOf(thrown: object, causesLeft: number, seen: Set<unknown>): StoredError | undefined {
  const cause = read(thrown, 'cause')
  if (cause === undefined || cause === null || causesLeft === 0 || seen.has(cause)) return undefined
  return serialise(cause, causesLeft - 1, seen)
}

function membersOf(thrown: object, causesLeft: number, seen: Set<unknown>): StoredError[] | undefined {
  const members = read(thrown, 'errors')
  if (causesLeft === 0 || !isArray(members)) return undefined
  const kept: StoredError[] = []
  for (let index = 0; index < THROWN_LIMITS.members; index += 1) {
    if (!has(members, index)) break
    const member = read(members, index)
    // A member gets no members or causes of its own beyond one level: ten by ten by ten would fill the row.
    if (!seen.has(member)) kept.push(serialise(member, Math.min(causesLeft - 1, 1), seen))
  }
  return kept
}

function factsOf(facts: object): Record<string, string | number> {
  const kept: Record<string, string | number> = {}
  try {
    for (const [name, fact] of Object.entries(facts)) {
      if (typeof fact === 'string') kept[cut(name, THROWN_LIMITS.name)] = cut(fact, THROWN_LIMITS.message)
      if (typeof fact === 'number' && Number.isFinite(fact)) kept[cut(name, THROWN_LIMITS.name)] = fact
    }
  } catch {
    return kept
  }
  return kept
}

/** A stack begins with the whole message: a long one would push every frame out of the cap. */
function withShortHead(stack: string, name: string, message: string): string {
  if (stack.length <= THROWN_LIMITS.stack) return stack
  const frames = stack.indexOf('\n    at ')
  return frames < 0 ? stack : `${name}: ${message}${stack.slice(frames)}`
}

const cut = sanitise

function read(object: object, key: string | number): unknown {
  try {
    return Reflect.get(object, key)
  } catch {
    return undefined
  }
}

function readText(object: object, key: string): string | undefined {
  const value = read(object, key)
  return typeof value === 'string' ? value : undefined
}

function has(object: object, key: number): boolean {
  try {
    return Reflect.has(object, key)
  } catch {
    return false
  }
}

function isArray(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value)
  } catch {
    return false
  }
}

/**
 * Makes an error again of what a row holds: always a plain `Error`, with its name, message, stack, code and cause.
 *
 * The stored name chooses no class: rows may be written by others.
 */
export function restoreError(stored: StoredError): Error {
  return restore(stored, THROWN_LIMITS.causes + THROWN_LIMITS.members)
}

function restore(stored: unknown, depthLeft: number): Error {
  if (typeof stored !== 'object' || stored === null)
    return plainError({ name: 'Error', message: preview(stored) })
  const name = readText(stored, 'name') ?? 'Error'
  const message = readText(stored, 'message') ?? ''
  const stack = readText(stored, 'stack')
  const code = codeOf(stored)
  const cause = depthLeft > 0 ? read(stored, 'cause') : undefined
  const members = depthLeft > 0 ? read(stored, 'errors') : undefined
  const details = read(stored, 'details')
  return plainError({
    name,
    message,
    ...(stack !== undefined && { stack }),
    ...(code !== undefined && { code }),
    ...(cause !== undefined && cause !== null && { cause: restore(cause, depthLeft - 1) }),
    ...(isArray(members) && { errors: members.map((member) => restore(member, depthLeft - 1)) }),
    ...(typeof details === 'object' && details !== null && { details }),
  })
}

/** The parts of an error that travel. */
export interface ErrorParts {
  readonly name: string
  readonly message: string
  readonly stack?: string
  readonly code?: string | number
  readonly cause?: unknown
  readonly errors?: readonly unknown[]
  readonly details?: object
}

/** A plain Error with these parts; without a stack it gets none, since ours would tell of the wrong place. */
export function plainError(parts: ErrorParts): Error {
  const error = new Error(parts.message, 'cause' in parts ? { cause: parts.cause } : undefined)
  hide(error, 'name', parts.name)
  hide(error, 'stack', parts.stack ?? `${parts.name}: ${parts.message}`)
  if (parts.errors !== undefined) hide(error, 'errors', parts.errors)
  if (parts.code !== undefined) Object.assign(error, { code: parts.code })
  if (parts.details !== undefined) Object.assign(error, { details: parts.details })
  return error
}

function hide(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, enumerable: false, configurable: true, writable: true })
}
