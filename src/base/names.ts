import { CeleriacError } from './errors.ts'
import { preview, quote } from './text.ts'

const PLAIN = /^[A-Za-z0-9._\-:/]+$/
const FORBIDDEN = /[^\p{L}\p{M}\p{N}._\-:/]/u
const ALLOWED = 'letters, digits and . _ - : /'
const SCHEMA = /^(?!pg_)[a-z][a-z0-9_]{0,39}$/

const TASK_NAME_LIMIT = 200
const QUEUE_NAME_LIMIT = 100

/**
 * Checks the name of a task: 1 to 200 letters, digits and `. _ - : /`.
 *
 * @throws {CeleriacError} `NAME_INVALID`
 */
export function assertTaskName(name: unknown): string {
  return assertName(name, 'NAME_INVALID', TASK_NAME_LIMIT)
}

/**
 * Checks the name of a queue: 1 to 100 letters, digits and `. _ - : /`.
 *
 * @throws {CeleriacError} `QUEUE_NAME_INVALID`
 */
export function assertQueueName(name: unknown): string {
  return assertName(name, 'QUEUE_NAME_INVALID', QUEUE_NAME_LIMIT)
}

function assertName(name: unknown, code: 'NAME_INVALID' | 'QUEUE_NAME_INVALID', limit: number): string {
  if (typeof name !== 'string')
    throw new CeleriacError(code, { name: preview(name), problem: 'is not a string' })
  const problem = nameProblem(name, limit)
  if (problem !== null) throw new CeleriacError(code, { name: quote(name), problem })
  return name
}

function nameProblem(name: string, limit: number): string | null {
  if (name === '') return 'is empty'
  if (name.length > limit) return `has ${name.length} characters; the limit is ${limit}`
  if (PLAIN.test(name)) return null
  const [char] = FORBIDDEN.exec(name) ?? []
  return char === undefined ? null : `contains ${codePoint(char)}; allowed are ${ALLOWED} (1 to ${limit})`
}

function codePoint(char: string): string {
  return `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`
}

/**
 * Checks the name of the schema that celeriac's tables live in; it goes into SQL text, so it is kept narrow.
 *
 * @throws {CeleriacError} `SCHEMA_NAME_INVALID`
 */
export function assertSchemaName(name: unknown): string {
  if (typeof name === 'string' && SCHEMA.test(name)) return name
  throw new CeleriacError('SCHEMA_NAME_INVALID', { name: preview(name) })
}

/** The candidate that `word` was most likely meant to be, or `null` when none is near. */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  const short = word.slice(0, TASK_NAME_LIMIT).toLowerCase()
  let best: string | null = null
  // Of words of one or two letters any other is one step away, which would be no hint.
  let least = short.length < 3 ? 1 : Math.max(1, Math.floor(short.length / 3)) + 1
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - short.length) >= least) continue
    const distance = editDistance(short, candidate.toLowerCase())
    if (distance >= least) continue
    best = candidate
    least = distance
  }
  return best
}

/** The end of a message about an unknown word: `did you mean "x"?`, or what is known. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const meant = nearest(word, candidates)
  if (meant !== null) return `did you mean ${quote(meant)}?`
  if (candidates.length === 0) return 'none is known'
  const shown = candidates.slice(0, 20).join(', ')
  return `known are ${shown}${candidates.length > 20 ? ` and ${candidates.length - 20} more` : ''}`
}

/** Insertions, deletions, replacements and swaps of neighbours between two words (optimal string alignment). */
function editDistance(from: string, to: string): number {
  let before: number[] = []
  let above = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= to.length; column += 1) {
      const same = from[row - 1] === to[column - 1]
      const swapped =
        row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      current[column] = Math.min(
        at(above, column) + 1,
        at(current, column - 1) + 1,
        at(above, column - 1) + (same ? 0 : 1),
        swapped ? at(before, column - 2) + 1 : Number.POSITIVE_INFINITY,
      )
    }
    before = above
    above = current
  }
  return at(above, to.length)
}

const at = (row: readonly number[], column: number) => row[column] ?? Number.POSITIVE_INFINITY
