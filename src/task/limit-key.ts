import { CeleriacError } from '../base/errors.ts'
import { preview, quote } from '../base/text.ts'

const NAME = /^[\p{L}\p{M}\p{N}._\-/]+$/u
const NAME_LIMIT = 100
const KEY_BYTES = 255

/**
 * Checks the name of a limit that stands alone: 1 to 100 letters, digits and `. _ - /`. Names with a colon are those
 * of tasks, queues and labels.
 *
 * @throws {CeleriacError} `LIMIT_NAME`
 */
export function assertLimitName(name: unknown): string {
  if (typeof name !== 'string')
    throw new CeleriacError('LIMIT_NAME', { name: preview(name), problem: 'is not a string' })
  const problem = nameProblem(name)
  if (problem !== null) throw new CeleriacError('LIMIT_NAME', { name: quote(name), problem })
  return name
}

function nameProblem(name: string): string | null {
  if (name === '') return 'is empty'
  if (name.length > NAME_LIMIT) return `has ${name.length} characters; the limit is ${NAME_LIMIT}`
  if (NAME.test(name)) return null
  const [char = ''] = /[^\p{L}\p{M}\p{N}._\-/]/u.exec(name) ?? []
  return `contains ${quote(char)}; allowed are letters, digits and . _ - /`
}

/**
 * A key as it is stored: 1 to 255 bytes of text; a number as its digits.
 *
 * @param limit - which limit the key is for
 * @returns null for none: the limit does not concern the job
 * @throws {CeleriacError} `LIMIT_KEY`
 */
export function storedKey(key: unknown, limit: string): string | null {
  if (key === null) return null
  if (typeof key === 'bigint' || (typeof key === 'number' && Number.isFinite(key))) return String(key)
  const problem = typeof key === 'string' ? textProblem(key) : kindProblem(key)
  if (problem !== null) throw new CeleriacError('LIMIT_KEY', { limit, problem })
  return String(key)
}

function textProblem(key: string): string | null {
  if (key === '') return 'is empty; give null for a job that the limit does not concern'
  const bytes = Buffer.byteLength(key)
  if (bytes > KEY_BYTES) return `takes ${bytes} bytes; the limit is ${KEY_BYTES}`
  if (key.includes('\0')) return 'contains U+0000; PostgreSQL cannot store it'
  return key.isWellFormed() ? null : 'contains half of a character (a lone surrogate)'
}

function kindProblem(key: unknown): string {
  if (key instanceof Promise) return 'is a promise; a key is needed at once'
  return `is ${preview(key)}; it must be a string or a number, or null for a job that the limit does not concern`
}
