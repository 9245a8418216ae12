import { isIP } from 'node:net'
import { isCeleriacError } from '../../base/errors.ts'
import type { Database } from '../../db/database.ts'
import type { Pooler } from '../../db/pooler.ts'

/** What lies between this process and the database. */
export interface Route {
  readonly pooler: Pooler['kind']
  /** Whether the next hop is on this machine. */
  readonly local: boolean
  readonly tls: 'none' | 'unverified' | 'verified'
}

/** The parts of a client that its types do not show. */
interface Inside {
  readonly connection?: {
    readonly stream?: {
      readonly remoteAddress?: string
      readonly encrypted?: boolean
      readonly authorized?: boolean
    }
  }
}

/** Looks at the connection itself: who answers it, and who could listen in. */
export async function readRoute(database: Database): Promise<Route> {
  const pool = await database.pool()
  const client = await pool.connect().catch((error: unknown) => {
    throw database.explain(error)
  })
  const { connection } = client as unknown as Inside
  const { remoteAddress, encrypted = false, authorized = false } = connection?.stream ?? {}
  client.release()
  return {
    pooler: await readPooler(database),
    local: isLocal(remoteAddress),
    tls: !encrypted ? 'none' : authorized ? 'verified' : 'unverified',
  }
}

async function readPooler(database: Database): Promise<Pooler['kind']> {
  try {
    return (await database.pooler()).kind
  } catch (error) {
    if (isCeleriacError(error) && error.code === 'POOLER_UNSUPPORTED') return 'statement'
    throw error
  }
}

/** A socket in the file system has no address. */
function isLocal(address: string | undefined): boolean {
  if (address === undefined || isIP(address) === 0) return true
  return /^(::ffff:)?127\.|^::1$/.test(address)
}
