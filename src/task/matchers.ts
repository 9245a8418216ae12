import { CeleriacError } from '../base/errors.ts'
import { preview } from '../base/text.ts'

/** An error class, or a function that tells. */
export type ErrorMatcher = (new (...args: never[]) => Error) | ((error: Error) => boolean)

/** @throws {CeleriacError} `OPTION_INVALID` unless it is a list of matchers. */
export function matchers(value: unknown, option: string): readonly ErrorMatcher[] {
  const list: readonly unknown[] | null = Array.isArray(value) ? value : null
  if (list?.every((entry) => typeof entry === 'function')) return list as readonly ErrorMatcher[]
  throw new CeleriacError('OPTION_INVALID', {
    option,
    problem: `must be a list of error classes or functions; got ${preview(value)}`,
  })
}

/** Whether one of the matchers knows the error: as its class, or by saying so. */
export function matches(list: readonly ErrorMatcher[], error: unknown): boolean {
  return list.some((matcher) => {
    if (matcher === Error || matcher.prototype instanceof Error) return error instanceof matcher
    return error instanceof Error && (matcher as (error: Error) => boolean)(error) === true
  })
}
