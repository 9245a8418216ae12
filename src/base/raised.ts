import { CeleriacError, ERRORS, type ErrorCode, type ErrorExtras, type Fact, type Facts } from './errors.ts'

/**
 * Turns what PostgreSQL raised under one of our SQLSTATEs into the error of the table.
 *
 * @param detail - the `detail` of the raise: a JSON object of the facts; a fact it lacks is shown as `?`
 * @returns `null` when the SQLSTATE is not ours
 */
export function errorFromPostgres(
  sqlstate: string,
  detail: string | undefined,
  extras: ErrorExtras = {},
): CeleriacError | null {
  const code = codeOfSqlstate(sqlstate)
  if (code === null) return null
  const given = parseFacts(detail)
  const facts: Record<string, Fact> = {}
  for (const [, name = ''] of ERRORS[code].message.matchAll(PLACEHOLDER)) facts[name] = given[name] ?? '?'
  return areFacts(code, facts) ? new CeleriacError(code, facts, extras) : null
}

/** The code that PostgreSQL raises as `sqlstate`, or `null`. */
export function codeOfSqlstate(sqlstate: string): ErrorCode | null {
  if (!sqlstate.startsWith('ZC')) return null
  return CODES.find((code) => ERRORS[code].sqlstate === sqlstate) ?? null
}

const isCode = (name: string): name is ErrorCode => Object.hasOwn(ERRORS, name)
const CODES: readonly ErrorCode[] = Object.keys(ERRORS).filter(isCode)
const PLACEHOLDER = /\{(\w+)\}/g

function areFacts<Code extends ErrorCode>(code: Code, facts: object): facts is Facts<Code> {
  return [...ERRORS[code].message.matchAll(PLACEHOLDER)].every(([, name = '']) => Object.hasOwn(facts, name))
}

function parseFacts(detail: string | undefined): Record<string, Fact> {
  const facts: Record<string, Fact> = {}
  try {
    const parsed: unknown = JSON.parse(detail ?? '{}')
    if (typeof parsed !== 'object' || parsed === null) return facts
    for (const [name, fact] of Object.entries(parsed)) {
      if (typeof fact === 'string' || typeof fact === 'number') facts[name] = fact
    }
  } catch {
    // somebody else's detail under our SQLSTATE: the code still tells what happened
  }
  return facts
}
