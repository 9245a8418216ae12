import pg from 'pg'
import { type DatabaseInput, isPool, poolConfig } from './connection.ts'
import { faultOf, isServerGone } from './fault.ts'
import { liftTransactionLimit } from './open-client.ts'
import { hasOurSettings, type SessionPurpose, sessionConfig, settingsRefused } from './session-config.ts'

/** A client that is out of the pool. */
export type Client = pg.PoolClient

/** How somebody gave a client back to the pool: inside a transaction, or in the middle of a statement. */
export type Leak = 'open transaction' | 'aborted transaction' | 'endless statement'

/** What connections need. */
export interface ConnectionsOptions {
  readonly input: DatabaseInput
  readonly max: number
  readonly purpose: SessionPurpose
  /** Opens a pool of its own with the settings of a user's pool, instead of using that. */
  readonly own: boolean
  /** Somebody who shares the pool gave a client back that could not be used. */
  readonly leaked?: ((leak: Leak) => void) | undefined
}

/** How long to wait while all clients are in use. */
const WAIT_MS = 30_000
/** How long a client may go on with what somebody else left running on it. */
const SETTLE_MS = 5_000
const NO_TRANSACTION_LIMIT = '-c transaction_timeout=0'

/** The parts of a driver's client that its types do not show. */
interface Inside {
  /** False while it works on a statement. */
  readonly readyForQuery?: boolean
  getTransactionStatus?(): string | null
  readonly connection?: { readonly stream?: { destroy(): void } }
}

/**
 * The clients of a pool, one at a time: whoever gets one can rely on it, and one that cannot be relied on any more is
 * never used again. When the server has gone, no client that knew it is.
 *
 * A client without an `error` listener takes the process down when the server goes away. The pool covers idle ones
 * only, so each client gets a listener of its own, those of a user's pool too.
 */
export class Connections {
  readonly pool: pg.Pool
  readonly #owned: boolean
  readonly #options: ConnectionsOptions
  readonly #connectedTo = new WeakMap<Client, number>()
  /** Servers known so far: clients of earlier ones are worth nothing. */
  #servers = 0
  #connected = false

  constructor(options: ConnectionsOptions) {
    const { input, own } = options
    this.#options = options
    this.#owned = own || !isPool(input)
    this.pool = this.#owned || !isPool(input) ? openPool(options) : input
    survive(this.pool)
  }

  /** Whether a client has ever been connected: the settings are right then, and an outage may pass. */
  get connected(): boolean {
    return this.#connected
  }

  /** Takes a client out of the pool; what it rejects with happened before anything was sent. */
  async acquire(): Promise<Client> {
    for (;;) {
      const client = await (this.#owned ? this.#take() : this.#takeInTime())
      this.#connected = true
      const servers = this.#connectedTo.get(client)
      if (servers === undefined) this.#connectedTo.set(client, this.#servers)
      const leak = isBusy(client) && !(await isReady(client)) ? 'endless statement' : leakOf(client)
      if (leak === null && (servers ?? this.#servers) === this.#servers) return client
      client.release(true)
      if (leak !== null) this.#options.leaked?.(leak)
    }
  }

  /** Gives a client back; with an error, only if the error is not one of the connection. */
  release(client: Client, error?: unknown): void {
    if (error === undefined) {
      client.release()
      return
    }
    if (isServerGone(error) && this.#connectedTo.get(client) === this.#servers) this.#servers += 1
    if (faultOf(error) === 'connection') destroy(client)
    else void this.#releaseRefused(client)
  }

  /** Ends the pool if it is our own. */
  async end(): Promise<void> {
    if (this.#owned && !this.pool.ended) await this.pool.end()
  }

  /** The driver tells of an error before the server is ready for the next statement. */
  async #releaseRefused(client: Client): Promise<void> {
    if ((!isBusy(client) || (await isReady(client))) && leakOf(client) === null) client.release()
    else destroy(client)
  }

  #take(): Promise<Client> {
    // Others may find out at the same time.
    const { host, port, options } = this.pool.options
    return new Promise((resolve, reject) => {
      // With a callback it is the fastest: this is on the way of every statement.
      this.pool.connect((error, client) => {
        if (client !== undefined) return resolve(client)
        if (!settingsRefused({ host, port, options }, error)) return reject(error)
        this.pool.options.options = sessionConfig(
          poolConfig(this.#options.input),
          this.#options.purpose,
        ).options
        this.pool.connect().then(resolve, reject)
      })
    })
  }

  /** The pool of a user may wait for ever; a client that comes too late goes back. */
  #takeInTime(): Promise<Client> {
    return new Promise((resolve, reject) => {
      let late = false
      const timer = setTimeout(() => {
        late = true
        reject(new pg.DatabaseError('timeout exceeded when trying to connect', 0, 'error'))
      }, WAIT_MS)
      this.pool.connect().then(
        (client) => {
          clearTimeout(timer)
          if (late) client.release()
          else resolve(client)
        },
        (error: unknown) => {
          clearTimeout(timer)
          reject(error)
        },
      )
    })
  }
}

function openPool({ input, max, own, purpose }: ConnectionsOptions): pg.Pool {
  const given = poolConfig(input)
  const config = sessionConfig(given, purpose)
  const connectMs = config.connectionTimeoutMillis
  const pool: pg.Pool = new pg.Pool({
    ...given,
    ...config,
    connectionString: undefined,
    max: own ? max : (given.max ?? max),
    min: own ? 0 : (given.min ?? 0),
    allowExitOnIdle: true,
    // The pool takes one limit for both; ours waits longer for others than for the server.
    connectionTimeoutMillis: Math.max(connectMs ?? 0, WAIT_MS),
    Client: clientOf(given, connectMs),
    onConnect: async (client) => {
      await given.onConnect?.(client)
      await liftLimit(pool, client)
    },
  })
  return pool
}

type ClientClass = NonNullable<pg.PoolConfig['Client']>

/** The pool passes its options on to its clients, but not this one. */
function clientOf(given: pg.PoolConfig, connectMs: number | undefined): ClientClass {
  const Base = (given.Client ?? pg.Client) as typeof pg.Client
  return class extends Base {
    constructor(config?: pg.ClientConfig) {
      super({ ...poolConfig(config ?? {}), connectionTimeoutMillis: connectMs })
    }
  } as unknown as ClientClass
}

/** Once it is known that the server knows this limit, it is lifted at startup. */
async function liftLimit(pool: pg.Pool, client: pg.ClientBase): Promise<void> {
  const { options = '' } = pool.options
  if (!hasOurSettings(pool.options) || options.includes(NO_TRANSACTION_LIMIT)) return
  const isKnown = await liftTransactionLimit(client)
  pool.options.options = isKnown ? `${NO_TRANSACTION_LIMIT} ${options}` : options
}

/** Nobody waits for a good-bye from a peer that may not be there. */
function destroy(client: Client): void {
  const { connection } = client as unknown as Inside
  connection?.stream?.destroy()
  client.release(true)
}

function isBusy(client: Client): boolean {
  return (client as unknown as Inside).readyForQuery === false
}

/** The next statement waits until the client has done what is under way on it. */
function isReady(client: Client): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => end(false), SETTLE_MS)
    const end = (ready: boolean): void => {
      clearTimeout(timer)
      client.off('drain', onDrain).off('end', onEnd)
      resolve(ready)
    }
    const onDrain = (): void => end(true)
    const onEnd = (): void => end(false)
    client.once('drain', onDrain).once('end', onEnd)
  })
}

/** A statement of ours on such a client would become part of somebody else's transaction, and be lost with it. */
function leakOf(client: Client): Leak | null {
  switch ((client as unknown as Inside).getTransactionStatus?.()) {
    case 'T':
      return 'open transaction'
    case 'E':
      return 'aborted transaction'
    default:
      return null
  }
}

const survivors = new WeakSet<object>()

/** Whatever happens to the clients of a pool ends no process; several apps may share it. */
function survive(pool: pg.Pool): void {
  if (survivors.has(pool)) return
  survivors.add(pool)
  pool.on('error', ignore)
  // Also those that were connected before we came.
  pool.on('acquire', surviveClient)
  for (const client of (pool as unknown as { _clients?: readonly Client[] })._clients ?? [])
    surviveClient(client)
}

function surviveClient(client: Client): void {
  if (survivors.has(client)) return
  survivors.add(client)
  client.on('error', ignore)
}

function ignore(): void {}
