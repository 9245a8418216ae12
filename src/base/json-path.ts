import { CeleriacError } from './errors.ts'
import { quote } from './text.ts'

/** Where in a value we are: a list from the inside to the root, so that going deeper costs one small object. */
export interface Spot {
  readonly parent: Spot | null
  /** Absent at the root, which is `$`. */
  readonly key?: string | number
  /** The object or array at this spot, kept to find cycles. */
  readonly value?: object
}

const IDENTIFIER = /^[\p{L}_$][\p{L}\p{N}_$]*$/u
const PATH_LIMIT = 200

/** `$[0].user["first name"]`, its middle left out when it is long. */
export function pathOf(spot: Spot): string {
  const steps: string[] = []
  for (let at: Spot | null = spot; at !== null; at = at.parent) steps.push(stepOf(at))
  const path = steps.reverse().join('')
  const half = PATH_LIMIT / 2
  return path.length <= PATH_LIMIT ? path : `${path.slice(0, half)}…${path.slice(-half)}`.toWellFormed()
}

function stepOf({ key }: Spot): string {
  if (key === undefined) return '$'
  if (typeof key === 'number') return `[${key}]`
  return key.length <= 60 && IDENTIFIER.test(key) ? `.${key}` : `[${quote(key)}]`
}

/** The spot of the argument that `spot` lies in; of a result, the root. */
export function argumentOf(spot: Spot, subject: Subject): Spot {
  let at = spot
  while (at.parent !== null && (subject !== 'argument' || at.parent.parent !== null)) at = at.parent
  return at
}

/** How errors name what is encoded: `argument $[0].a`, or `result of "resize": $.a`. */
export type Subject = 'argument' | `result of ${string}:`

/** How an error names a spot. */
export const placeOf = (subject: Subject, spot: Spot): string => `${subject} ${pathOf(spot)}`

/** An error in the stored form of a value. */
export function unreadable(
  what: string,
  spot: Spot,
  problem: string,
  cause?: unknown,
): CeleriacError<'DECODE_FAILED'> {
  const path = pathOf(spot)
  const extras = { details: { path }, ...(cause !== undefined && { cause }) }
  return new CeleriacError('DECODE_FAILED', { what, path, problem }, extras)
}
