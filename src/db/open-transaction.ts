import type pg from 'pg'
import { CeleriacError } from '../base/errors.ts'
import type { Database, Executor } from './database.ts'
import { limitsOf } from './session-config.ts'
import { type ClientLike, callerTransaction } from './transaction.ts'

/** The client of a transaction that is under way: send statements, leave COMMIT and ROLLBACK to whoever opened it. */
export type TransactionClient = pg.ClientBase

/** A transaction on a connection of the shared pool. Exactly one of its ends must be called; a further one does nothing. */
export interface OpenTransaction {
  readonly client: TransactionClient
  /** Runs a statement in it. @throws {CeleriacError} `TX_IDLE` or `TX_ABORTED` when it is none any more. */
  executor(): Executor
  /** Rejects when the server did not say that it is committed; whether it is may be unknown. */
  commit(): Promise<void>
  rollback(): Promise<void>
  /** Drops the connection, whatever it is doing: the server rolls back. */
  destroy(): void
}

/**
 * A handler decides how long it takes: limits of ours do not hold, while one that somebody else has set for statements
 * does. What a role has for defaults must not change what the fence relies on.
 */
const BEGIN = `begin isolation level read committed read write;
set local idle_in_transaction_session_timeout = 0;
select set_config('statement_timeout', '0', true)
where current_setting('statement_timeout')::interval = interval '${limitsOf({ role: 'pool' }).statementMs} ms'`

/** A connection that does not answer a statement of ours for so long is given up. */
const ANSWER_MS = 35_000

/** Begins a transaction. @throws {CeleriacError} `CONNECT_FAILED`, `READ_ONLY` */
export async function openTransaction(database: Database): Promise<OpenTransaction> {
  const { client, giveBack } = await database.take()
  let ended = false
  const once = (work: () => void): void => {
    if (!ended) work()
    ended = true
  }
  const end = async (statement: string): Promise<pg.QueryResult | undefined> => {
    if (ended) return undefined
    try {
      const answer = await client.query(within(statement))
      // Whatever was left running on it, or was begun anew, must not meet what others send.
      once(() => (statusOf(client) === 'T' ? client.release(true) : giveBack()))
      return answer
    } catch (error) {
      once(() => giveBack(error))
      throw database.explain(error)
    }
  }
  try {
    await client.query(within(BEGIN))
  } catch (error) {
    once(() => giveBack(error))
    throw database.explain(error)
  }
  return {
    client,
    executor: () => callerTransaction(answering(client)).executor,
    commit: async () => {
      // COMMIT of a transaction that has failed is answered politely.
      if ((await end('commit'))?.command !== 'COMMIT') throw new CeleriacError('TX_ABORTED', {})
    },
    rollback: async () => {
      await end('rollback').catch(() => undefined)
    },
    destroy: () => once(() => client.release(true)),
  }
}

function within(text: string): pg.QueryConfig {
  const config: pg.QueryConfig & { readonly query_timeout: number } = { text, query_timeout: ANSWER_MS }
  return config
}

/** The client, with a bound for each answer. */
function answering(client: pg.ClientBase): ClientLike & { getTransactionStatus(): string } {
  return {
    query: ({ text, values }) => client.query({ ...within(text), values }),
    getTransactionStatus: () => statusOf(client) ?? 'T',
  }
}

/** As the server said last: 'I' is in no transaction, 'T' in one, 'E' in one that failed; null from an older driver. */
function statusOf(client: pg.ClientBase): string | null {
  return 'getTransactionStatus' in client && typeof client.getTransactionStatus === 'function'
    ? (client.getTransactionStatus() as string | null)
    : null
}
