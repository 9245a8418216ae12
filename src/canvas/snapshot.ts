import { isPlainObject, MAX_DEPTH } from '../base/json-encode.ts'

/**
 * Copies args, so that a signature stays what it was when it was made: lists, plain objects and dates at any depth.
 * Anything else is kept as it is, since only a codec knows how to copy it.
 */
export function snapshot(list: readonly unknown[]): readonly unknown[] {
  try {
    return Object.freeze(copyList(list, 0, new Map()))
  } catch {
    // A getter that throws: whoever encodes it meets the same and says where.
    return Object.freeze([...list])
  }
}

/** Copies so far. What refers back to itself is copied as such; whoever encodes it says where. */
type Copies = Map<object, unknown>

function copy(value: unknown, depth: number, copies: Copies): unknown {
  // What is deeper cannot be stored anyway.
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return value
  const known = copies.get(value)
  if (known !== undefined) return known
  if (Array.isArray(value)) return copyList(value, depth, copies)
  if (value instanceof Date) return new Date(value)
  return isPlainObject(value) ? copyObject(value, depth, copies) : value
}

function copyList(list: readonly unknown[], depth: number, copies: Copies): unknown[] {
  const copied: unknown[] = []
  copies.set(list, copied)
  for (const item of list) copied.push(copy(item, depth + 1, copies))
  return copied
}

function copyObject(value: Record<string, unknown>, depth: number, copies: Copies): object {
  const copied: object = Object.create(Object.getPrototypeOf(value))
  copies.set(value, copied)
  // Not by assignment, which `__proto__` would turn into something else; the encoder refuses that key by its name.
  for (const key of Object.keys(value)) {
    const field = copy(value[key], depth + 1, copies)
    Object.defineProperty(copied, key, { value: field, enumerable: true, writable: true, configurable: true })
  }
  return copied
}
