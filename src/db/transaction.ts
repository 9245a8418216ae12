import type { CompiledQuery } from 'kysely'
import { CeleriacError } from '../base/errors.ts'
import { preview } from '../base/text.ts'
import { isPool } from './connection.ts'
import type { Executor, Row, Statement } from './database.ts'
import { sqlStateOf } from './fault.ts'

/** A pg client in the middle of a transaction, as far as we use it. */
export interface ClientLike {
  query(statement: { name?: string; text: string; values: unknown[] }): Promise<{ rows: unknown[] }>
}

/** A Kysely transaction, as far as we use it. */
export interface KyselyLike {
  readonly isTransaction: boolean
  executeQuery(query: CompiledQuery): Promise<{ rows: unknown[] }>
}

/** Anything that runs SQL with positional parameters, such as a small adapter around an ORM. */
export interface QueryLike {
  query(text: string, values: unknown[]): Promise<{ rows: unknown[] } | unknown[]>
}

/** Runs one statement with `$1` parameters and gives its rows. */
export type QueryFunction = (text: string, values: unknown[]) => Promise<unknown[] | { rows: unknown[] }>

/** A transaction of the caller's: whatever we write goes through it and shares its fate. */
export type TransactionInput = ClientLike | KyselyLike | QueryLike | QueryFunction

/** A caller's transaction as an executor, and how to learn of its end. */
export interface CallerTransaction {
  readonly executor: Executor
  /** Calls back once after the transaction has ended; null where only the caller can know. */
  readonly onceEnded: ((listener: () => void) => void) | null
}

interface ConnectionLike {
  on(event: 'readyForQuery', listener: (message: { status: string }) => void): void
  off(event: 'readyForQuery', listener: (message: { status: string }) => void): void
}

/**
 * Recognises what a caller passed as `tx`.
 *
 * @throws {CeleriacError} `TX_POOL` for a pool (its statements may use different connections), `TX_IDLE` and
 * `TX_ABORTED` for a client that is not in a usable transaction, `TX_UNSUPPORTED` for anything unknown.
 */
export function callerTransaction(tx: unknown): CallerTransaction {
  const { executor, onceEnded } = recognise(tx)
  const query = async (statement: Statement): Promise<readonly Row[]> => {
    try {
      return await executor.query(statement)
    } catch (error) {
      // Only a pg client says so beforehand, and it too learns of it a moment after the error.
      if (sqlStateOf(error) === '25P02') throw new CeleriacError('TX_ABORTED', {}, { cause: error })
      throw error
    }
  }
  return { executor: { query }, onceEnded }
}

function recognise(tx: unknown): CallerTransaction {
  if (typeof tx === 'function') return plain((text, values) => (tx as QueryFunction)(text, values))
  if (typeof tx !== 'object' || tx === null) throw unsupported(tx)
  if (isPool(tx)) throw new CeleriacError('TX_POOL', {})
  if ('executeQuery' in tx && typeof tx.executeQuery === 'function') return kysely(tx as KyselyLike)
  if (!('query' in tx) || typeof tx.query !== 'function') throw unsupported(tx)
  if ('getTransactionStatus' in tx || 'processID' in tx) return client(tx as ClientLike)
  return plain((text, values) => (tx as QueryLike).query(text, values))
}

function client(tx: ClientLike): CallerTransaction {
  const status =
    'getTransactionStatus' in tx && typeof tx.getTransactionStatus === 'function'
      ? (tx.getTransactionStatus() as string | null)
      : null
  if (status === 'I') throw new CeleriacError('TX_IDLE', {})
  if (status === 'E') throw new CeleriacError('TX_ABORTED', {})
  const connection = 'connection' in tx ? (tx.connection as ConnectionLike | undefined) : undefined
  return {
    executor: {
      query: async ({ name, text, values }) =>
        (await tx.query({ ...(name !== undefined && { name }), text, values: [...values] })).rows as Row[],
    },
    onceEnded: connection === undefined ? null : (listener) => whenIdle(connection, listener),
  }
}

/** The server says with each answer whether the connection is in a transaction; 'I' is the end of it. */
function whenIdle(connection: ConnectionLike, listener: () => void): void {
  const onReady = (message: { status: string }): void => {
    if (message.status !== 'I') return
    connection.off('readyForQuery', onReady)
    listener()
  }
  connection.on('readyForQuery', onReady)
}

function kysely(tx: KyselyLike): CallerTransaction {
  if (tx.isTransaction === false) throw new CeleriacError('TX_IDLE', {})
  return {
    executor: {
      query: async ({ text, values }) => {
        // Who passes a Kysely transaction has loaded kysely already.
        const { CompiledQuery } = await import('kysely')
        return (await tx.executeQuery(CompiledQuery.raw(text, [...values]))).rows as Row[]
      },
    },
    onceEnded: null,
  }
}

function plain(run: QueryFunction): CallerTransaction {
  return {
    executor: {
      query: async ({ text, values }: Statement) => {
        const answer = await run(text, [...values])
        return (Array.isArray(answer) ? answer : answer.rows) as Row[]
      },
    },
    onceEnded: null,
  }
}

function unsupported(tx: unknown): CeleriacError<'TX_UNSUPPORTED'> {
  return new CeleriacError('TX_UNSUPPORTED', { got: preview(tx) })
}
