import { CeleriacError } from '../../base/errors.ts'
import { callOf, type Database, type Executor } from '../database.ts'
import { sqlStateOf } from '../fault.ts'

/** An attempt as its rows know it. */
export interface FencedAttempt {
  readonly id: string
  readonly token: number
  readonly workerId: string
}

/** Answer of `complete_attempt`. */
export interface Completed {
  /** The transaction it was called in, as decimal digits. */
  readonly xid: string
  /** Whether any process waits for results. */
  readonly listenedTo: boolean
}

/** What became of a transaction. */
export type Fate = 'committed' | 'aborted' | 'in progress' | 'unknown'

/** SQLSTATE of an attempt that is not held any more. */
const LEASE_LOST = 'ZC001'

/**
 * Settles an attempt as succeeded in the transaction that `executor` is in.
 *
 * @param value - JSON text, null for no value
 * @throws {CeleriacError} `LEASE_LOST` when the attempt is not held any more; the transaction is unusable from then on.
 */
export async function completeAttempt(
  database: Database,
  attempt: FencedAttempt & { readonly number: number },
  value: string | null,
  executor: Executor,
): Promise<Completed> {
  const { workerId, id, token, number } = attempt
  try {
    // Without a name: what prepares statements may not be what lends the connection of somebody's transaction.
    const { text, values } = callOf(database.schema, 'complete_attempt', [workerId, id, token, value])
    const [row] = await executor.query({ text, values })
    if (typeof row?.xid !== 'string')
      throw new CeleriacError('TX_UNSUPPORTED', { got: 'one that gives no rows' })
    return { xid: row.xid, listenedTo: row.listened_to === true }
  } catch (error) {
    if (!says(error, LEASE_LOST)) throw error
    throw new CeleriacError('LEASE_LOST', { jobId: id, attempt: number }, { cause: error })
  }
}

/**
 * Asks what became of the transaction of a `completeAttempt`.
 *
 * @param abandoned - nobody can commit it any more: a session that has it open is ended
 */
export async function findFate(
  database: Database,
  attempt: FencedAttempt,
  xid: string,
  abandoned: boolean,
): Promise<Fate> {
  const { workerId, id, token } = attempt
  const [row] = await database.call('find_fate', [xid, workerId, id, token, abandoned])
  return (row?.find_fate as Fate | null) ?? 'unknown'
}

/** Whether an error is of that SQLSTATE, or an ORM's around one that is. */
function says(error: unknown, state: string): boolean {
  for (let one: unknown = error, depth = 0; one instanceof Error && depth < 5; one = one.cause, depth += 1) {
    if (sqlStateOf(one) === state) return true
  }
  return false
}
