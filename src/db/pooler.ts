import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { isConnectionError, sqlStateOf } from './fault.ts'
import { openClient } from './open-client.ts'

/** What stands between us and the server. */
export interface Pooler {
  /** How long a connection of the server is lent to us: `none` is our own for good. */
  readonly kind: 'none' | 'session' | 'transaction' | 'statement'
  /** Whether statements that were prepared under a name are found again. */
  readonly prepares: boolean
}

const DIRECT: Pooler = { kind: 'none', prepares: true }
const WAIT_MS = 1_000
/** Without the second connection a pooler that lends by transaction looks like one that lends for good: it gets its time. */
const SECOND_WAIT_MS = 4_000
/** Others may have borrowed the connection of the server just when we looked; they will not do so again and again. */
const ROUNDS = 6
const ROUND_PAUSE_MS = 10
const UNDEFINED_STATEMENT = '26000'

/**
 * Finds out whether a pooler stands before the server, and how it lends connections. A direct connection shows in one
 * round trip.
 *
 * While somebody else's transaction occupies the connection of the server that served us last, a pooler that lends by
 * transaction gives us another one, or lets us wait.
 */
export async function detectPooler(config: pg.PoolConfig): Promise<Pooler> {
  const first = await openClient(config, { role: 'probe' })
  const open = new Set([first])
  let over = false
  try {
    const probe = probeOf(first)
    let before = await probe()
    // A pooler invents the key by which a session is cancelled.
    if (keyOf(first) === before.pid) return DIRECT
    const second = await inTime(
      openClient(config, { role: 'probe' }),
      (client) => {
        open.add(client)
        if (over) close(client)
      },
      SECOND_WAIT_MS,
    )
    for (let round = 1; ; round += 1) {
      const theirs = second === null ? null : await inTime(occupy(second), undefined, SECOND_WAIT_MS)
      if (theirs === 'refused') return { kind: 'statement', prepares: false }
      const after = await inTime(probe())
      if (after === null) return { kind: 'transaction', prepares: false }
      const stays = after.pid === before.pid && after.kept && theirs !== before.pid
      if (!stays) return { kind: 'transaction', prepares: after.found && after.pid !== before.pid }
      if (second === null || theirs === null || round === ROUNDS) return { kind: 'session', prepares: true }
      await second.query('rollback')
      before = after
      await new Promise((resolve) => setTimeout(resolve, Math.random() * ROUND_PAUSE_MS))
    }
  } finally {
    over = true
    for (const client of open) close(client)
  }
}

/** What one look at the connection of the server shows. */
interface Look {
  readonly pid: number
  /** Whether a setting of the look before is still there. */
  readonly kept: boolean
  /** Whether the statement was there under its name. */
  readonly found: boolean
}

function probeOf(client: pg.Client): () => Promise<Look> {
  const word = randomUUID()
  const statement = {
    name: `celeriac.probe.${word}`,
    text: `select pg_backend_pid() as pid, current_setting('celeriac.probe', true) as kept,
      set_config('celeriac.probe', $1, false)`,
    values: [word],
  }
  return async () => {
    try {
      const { rows } = await client.query(statement)
      return { pid: Number(rows[0]?.pid), kept: rows[0]?.kept === word, found: true }
    } catch (error) {
      if (sqlStateOf(error) !== UNDEFINED_STATEMENT) throw error
      return { pid: 0, kept: false, found: false }
    }
  }
}

/** Begins a transaction; gives the process of the server that it has to itself. */
async function occupy(client: pg.Client): Promise<number | 'refused'> {
  try {
    const { rows } = await client.query('begin').then(() => client.query('select pg_backend_pid() as pid'))
    return Number(rows[0]?.pid)
  } catch (error) {
    if (isConnectionError(error)) return 'refused'
    throw error
  }
}

/** Null when it takes too long; what comes later is given to `late`. */
async function inTime<Value>(
  work: Promise<Value>,
  came?: (value: Value) => void,
  waitMs: number = WAIT_MS,
): Promise<Value | null> {
  let timer: NodeJS.Timeout | undefined
  const waited = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, waitMs, null)
  })
  const done = work.then((value) => {
    came?.(value)
    return value
  })
  try {
    return await Promise.race([done, waited])
  } finally {
    clearTimeout(timer)
    done.catch(() => undefined)
  }
}

function keyOf(client: pg.Client): number | null {
  return (client as unknown as { readonly processID: number | null }).processID
}

function close(client: pg.Client): void {
  void client.end().catch(() => undefined)
}
