import { isIP } from 'node:net'
import type pg from 'pg'
import type { Database } from '../../db/database.ts'

/** What lies between this process and the database. */
export interface Route {
  /**
   * Whether a pooler stands between, and how long it lends a connection of the server: for as long as a session, a
   * transaction or a statement lasts.
   */
  readonly pooler: 'none' | 'session' | 'transaction' | 'statement'
  /** Whether the next hop is on this machine. */
  readonly local: boolean
  readonly tls: 'none' | 'unverified' | 'verified'
}

/** The parts of a client that its types do not show. */
interface Inside {
  readonly processID?: number | null
  readonly connection?: {
    readonly stream?: {
      readonly remoteAddress?: string
      readonly encrypted?: boolean
      readonly authorized?: boolean
    }
  }
}

const ROUNDS = 5
const WAIT_MS = 1_000

/** Looks at the connection itself: who answers it, and who could listen in. */
export async function readRoute(database: Database): Promise<Route> {
  const pool = await database.pool()
  const client = await pool.connect().catch((error: unknown) => {
    throw database.explain(error)
  })
  let broken = false
  try {
    const { processID, connection } = client as unknown as Inside
    const { remoteAddress, encrypted = false, authorized = false } = connection?.stream ?? {}
    // A pooler invents the key that a session is cancelled by.
    const direct = processID == null || processID === (await pidOf(client))
    const pooler = direct ? 'none' : await howPooled(pool, client)
    broken = pooler === 'statement'
    return {
      pooler,
      local: isLocal(remoteAddress),
      tls: !encrypted ? 'none' : authorized ? 'verified' : 'unverified',
    }
  } finally {
    client.release(broken)
  }
}

/**
 * While somebody else's transaction occupies the connection of the server that served us last, a pooler that lends by
 * transaction gives us another one, or lets us wait.
 */
async function howPooled(pool: pg.Pool, client: pg.PoolClient): Promise<Route['pooler']> {
  if ((pool.options.max ?? 10) < 2) return 'session'
  const other = await pool.connect()
  let broken = false
  try {
    const mine = new Set<number>()
    for (let round = 0; round < ROUNDS; round += 1) {
      mine.add(await pidOf(client))
      await other.query('begin')
      const theirs = await pidOf(other)
      const asked = pidOf(client)
      const again = await Promise.race([asked, waited()])
      await other.query('rollback')
      mine.add(await asked)
      if (again === null || mine.size > 1 || mine.has(theirs)) return 'transaction'
    }
    return 'session'
  } catch {
    // It refuses transactions, or ends the connection over one.
    broken = true
    return 'statement'
  } finally {
    other.release(broken)
  }
}

async function pidOf(client: pg.PoolClient): Promise<number> {
  const { rows } = await client.query('select pg_backend_pid() as pid')
  return Number(rows[0]?.pid)
}

function waited(): Promise<null> {
  return new Promise((resolve) => void setTimeout(resolve, WAIT_MS, null).unref())
}

/** A socket in the file system has no address. */
function isLocal(address: string | undefined): boolean {
  if (address === undefined || isIP(address) === 0) return true
  return /^(::ffff:)?127\.|^::1$/.test(address)
}
