import { CeleriacError, isCeleriacError } from './errors.ts'
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
  /** The job whose end settled this one, too, before it began. */
  readonly upstream?: string
  /** The members of a group that did not succeed. */
  readonly failedIds?: readonly string[]
}

/** How much of what was thrown is kept: bytes of text, and numbers of errors. */
export const THROWN_LIMITS = { name: 200, message: 4096, stack: 16_384, causes: 5, members: 10 } as const

/** What is still allowed, over the whole tree: aggregates of aggregates must not fill the row. */
interface Allowance {
  left: number
  readonly seen: Set<unknown>
}

/**
 * Writes down whatever a handler has thrown. It never throws itself: accessors and proxies that do are passed over.
 *
 * What is not an error is recorded as `NonError: thrown value was …`.
 */
export function serialiseThrown(thrown: unknown): StoredError {
  const left = 1 + THROWN_LIMITS.causes + THROWN_LIMITS.members
  return serialise(thrown, THROWN_LIMITS.causes, { left, seen: new Set() })
}

function serialise(thrown: unknown, causesLeft: number, allowance: Allowance): StoredError {
  allowance.left -= 1
  if (!isErrorLike(thrown)) return nonError(thrown)
  allowance.seen.add(thrown)
  const name = cut(nameOf(thrown), THROWN_LIMITS.name)
  const message = cut(readText(thrown, 'message') ?? '', THROWN_LIMITS.message)
  const stack = readText(thrown, 'stack')
  const code = codeOf(thrown)
  const details = isCeleriacError(thrown) ? factsOf(thrown) : undefined
  const cause = causeOf(thrown, causesLeft, allowance)
  const errors = membersOf(thrown, causesLeft, allowance)
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
  const { code, message } = new CeleriacError('THROWN_NON_ERROR', {
    value: preview(thrown, THROWN_LIMITS.message),
  })
  return { name: 'NonError', message: cut(message, THROWN_LIMITS.message), code }
}

/** A subclass that sets no name of its own is called `Error` like all others; its class says more. */
function nameOf(thrown: object): string {
  const name = readText(thrown, 'name')
  if (name !== undefined && name !== '' && name !== 'Error') return name
  const type = read(thrown, 'constructor')
  const className = typeof type === 'function' ? readText(type, 'name') : undefined
  return className === undefined || className === '' || className === 'Object' ? 'Error' : className
}

function codeOf(thrown: object): string | number | undefined {
  const code = read(thrown, 'code')
  if (typeof code === 'string') return cut(code, THROWN_LIMITS.name)
  return typeof code === 'number' && Number.isFinite(code) ? code : undefined
}

function causeOf(thrown: object, causesLeft: number, allowance: Allowance): StoredError | undefined {
  const cause = read(thrown, 'cause')
  if (cause === undefined || cause === null || causesLeft === 0) return undefined
  if (allowance.left === 0 || allowance.seen.has(cause)) return undefined
  return serialise(cause, causesLeft - 1, allowance)
}

function membersOf(thrown: object, causesLeft: number, allowance: Allowance): StoredError[] | undefined {
  const members = read(thrown, 'errors')
  if (!isArray(members)) return undefined
  const kept: StoredError[] = []
  for (
    let index = 0;
    index < THROWN_LIMITS.members && allowance.left > 0 && has(members, index);
    index += 1
  ) {
    const member = read(members, index)
    if (!allowance.seen.has(member)) kept.push(serialise(member, Math.max(causesLeft - 1, 0), allowance))
  }
  return kept
}

function factsOf(error: CeleriacError): Record<string, string | number> {
  const kept: Record<string, string | number> = {}
  const facts = read(error, 'facts')
  if (typeof facts !== 'object' || facts === null) return kept
  for (const name of keysOf(facts)) {
    const fact = read(facts, name)
    if (typeof fact === 'string') kept[name] = cut(fact, THROWN_LIMITS.message)
    if (typeof fact === 'number' && Number.isFinite(fact)) kept[name] = fact
  }
  return kept
}

/** Names of facts are ours; anything else under our brand is not worth its text. */
function keysOf(facts: object): string[] {
  try {
    return Object.keys(facts).filter((name) => /^[a-z]\w{0,39}$/i.test(name))
  } catch {
    return []
  }
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
  const failedIds = read(stored, 'failedIds')
  return plainError({
    name,
    message,
    ...(stack !== undefined && { stack }),
    ...(code !== undefined && { code }),
    ...(cause !== undefined && cause !== null && { cause: restore(cause, depthLeft - 1) }),
    ...(isArray(members) && { errors: members.map((member) => restore(member, depthLeft - 1)) }),
    ...(typeof details === 'object' && details !== null && { details }),
    ...(isArray(failedIds) && { failedIds: failedIds.map(String) }),
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
  readonly failedIds?: readonly string[]
}

/** A plain Error with these parts; without a stack it gets none, since ours would tell of the wrong place. */
export function plainError(parts: ErrorParts): Error {
  const error = new Error(parts.message, 'cause' in parts ? { cause: parts.cause } : undefined)
  hide(error, 'name', parts.name)
  hide(error, 'stack', parts.stack ?? `${parts.name}: ${parts.message}`)
  if (parts.errors !== undefined) hide(error, 'errors', parts.errors)
  if (parts.code !== undefined) Object.assign(error, { code: parts.code })
  if (parts.details !== undefined) Object.assign(error, { details: parts.details })
  if (parts.failedIds !== undefined) Object.assign(error, { failedIds: parts.failedIds })
  return error
}

function hide(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, enumerable: false, configurable: true, writable: true })
}
