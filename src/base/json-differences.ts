import { pathOf, type Spot } from './json-path.ts'

/** More paths than these help nobody. */
const MOST = 100

/**
 * Where two JSON values differ, as paths such as `$[0].name`: the innermost places, at most 100.
 *
 * @returns none when they are the same
 */
export function differences(one: unknown, other: unknown): string[] {
  const found: string[] = []
  walk(one, other, { parent: null }, found)
  return found
}

function walk(one: unknown, other: unknown, spot: Spot, found: string[]): void {
  if (found.length >= MOST || Object.is(one, other)) return
  if (!isContainer(one) || !isContainer(other) || Array.isArray(one) !== Array.isArray(other)) {
    found.push(pathOf(spot))
    return
  }
  const isList = Array.isArray(one)
  for (const key of new Set([...Object.keys(one), ...Object.keys(other)])) {
    const next = { parent: spot, key: isList ? Number(key) : key }
    if (Object.hasOwn(one, key) && Object.hasOwn(other, key))
      walk(Reflect.get(one, key), Reflect.get(other, key), next, found)
    else if (found.length < MOST) found.push(pathOf(next))
  }
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
