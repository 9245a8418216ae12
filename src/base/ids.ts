import { randomFillSync } from 'node:crypto'
import { CeleriacError } from './errors.ts'
import { preview } from './text.ts'

const BATCH = 512
const RANDOM_BYTES = 10
const HEX_PER_ID = RANDOM_BYTES * 2
const pool = Buffer.allocUnsafeSlow(BATCH * RANDOM_BYTES)
let hex = ''
let used = BATCH
let lastMs = 0
let counter = 0
let prefix = ''

/**
 * Makes an id that sorts by the time it was made.
 *
 * Within one process ids strictly ascend: in the 12 bits behind the millisecond stands a counter that begins at
 * random, and when it runs over, or the clock steps back, the time of the id before is kept or moved on by 1 ms.
 * @see RFC 9562 §5.7 and §6.2, method 1
 */
export function uuidv7(): string {
  if (used === BATCH) refill()
  const at = used * HEX_PER_ID
  used += 1
  const now = Date.now()
  if (now > lastMs) begin(now, at)
  else if (counter === 0xfff) begin(lastMs + 1, at)
  else counter += 1
  return `${prefix}${COUNTERS[counter]}${VARIANT[hex.charCodeAt(at + 3)]}${hex.slice(at + 4, at + 7)}-${hex.slice(at + 7, at + 19)}`
}

function begin(ms: number, at: number): void {
  lastMs = ms
  // The highest bit stays 0, which leaves room for at least 2048 ids in this millisecond.
  counter = Number.parseInt(hex.slice(at, at + 3), 16) & 0x7ff
  const time = ms.toString(16).padStart(12, '0')
  prefix = `${time.slice(0, 8)}-${time.slice(8)}-`
}

function refill(): void {
  randomFillSync(pool)
  hex = pool.toString('hex')
  used = 0
}

const COUNTERS = Array.from({ length: 0x1000 }, (_, n) => `7${n.toString(16).padStart(3, '0')}-`)

/** By character code of a random hex digit: the digit whose two high bits are the variant `10`. */
const VARIANT = Array.from({ length: 128 }, (_, code) =>
  ((Number.parseInt(String.fromCharCode(code), 16) & 3) | 8).toString(16),
)

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Whether a value is a UUID of any version, written with hyphens. */
export function isUuid(value: unknown): value is string {
  return typeof value === 'string' && value.length === 36 && UUID.test(value)
}

/**
 * Checks an id given by a user.
 *
 * @returns the id in lower case, as PostgreSQL writes it
 * @throws {CeleriacError} `JOB_ID_INVALID` when it is not a UUID.
 */
export function assertJobId(id: unknown): string {
  if (!isUuid(id)) throw new CeleriacError('JOB_ID_INVALID', { id: preview(id) })
  return id.toLowerCase()
}
