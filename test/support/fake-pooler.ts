import { createServer, type Server, type Socket } from 'node:net'
import pg from 'pg'

/** For how long a client has a connection of the server to itself. */
export type PoolMode = 'session' | 'transaction' | 'statement'

/** How a fake pooler behaves. */
export interface FakePoolerOptions {
  /** Of the database it leads to. */
  readonly url: string
  readonly mode: PoolMode
  /** Connections of the server. @defaultValue 3 */
  readonly size?: number
}

/**
 * A pooler as far as its clients can tell: it invents their keys, refuses settings at startup, lends connections of
 * the server, and knows nothing of prepared statements. Named by what PgBouncer does before version 1.21.
 */
export class FakePooler implements AsyncDisposable {
  readonly #options: FakePoolerOptions
  readonly #server: Server
  readonly #idle: Backend[] = []
  readonly #all: Backend[] = []
  readonly #waiting: ((backend: Backend) => void)[] = []
  readonly #sockets = new Set<Socket>()
  #clients = 0
  /** Startups that were refused for their settings. */
  refused = 0
  /** Connections of clients that are open. */
  get open(): number {
    return this.#sockets.size
  }

  constructor(options: FakePoolerOptions) {
    this.#options = options
    this.#server = createServer((socket) => this.#accept(socket))
  }

  /** @returns the URL that leads through it */
  async start(): Promise<string> {
    for (let n = 0; n < (this.#options.size ?? 3); n += 1) {
      const backend = new Backend(await connected(this.#options.url))
      this.#all.push(backend)
      this.#idle.push(backend)
    }
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    const address = this.#server.address()
    const url = new URL(this.#options.url)
    url.host = `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
    return url.href
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    for (const { stream } of this.#all) stream.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => undefined)
    let lent: Backend | undefined
    let asked = false
    let started = false
    let queue = Buffer.alloc(0)
    const giveBack = (): void => {
      const backend = lent
      lent = undefined
      if (backend === undefined) return
      backend.heard = undefined
      const next = this.#waiting.shift()
      if (next === undefined) this.#idle.push(backend)
      else next(backend)
    }
    const answer = (message: Buffer): void => {
      socket.write(message)
      if (message[0] !== code('Z')) return
      const inTransaction = message[5] !== code('I')
      if (this.#options.mode === 'transaction' && !inTransaction) giveBack()
      if (this.#options.mode !== 'statement') return
      if (inTransaction) socket.end(errorOf('transaction blocks not allowed in statement pooling mode'))
      else giveBack()
    }
    const send = (): void => {
      if (lent !== undefined) {
        lent.stream.write(queue)
        queue = Buffer.alloc(0)
      } else if (!asked && queue.length > 0) {
        asked = true
        this.#lend((backend) => {
          asked = false
          lent = backend
          backend.heard = answer
          if (socket.destroyed) giveBack()
          else send()
        })
      }
    }
    const read = cutter(true, (message, first) => {
      if (!first) {
        // A client that leaves does not take the connection of the server with it.
        if (message[0] === code('X')) return
        queue = Buffer.concat([queue, message])
      } else if (message.readInt32BE(4) === SSL_REQUEST) {
        socket.write('N')
        return
      } else {
        started = this.#greet(socket, message.toString('latin1'))
      }
    })
    socket.on('data', (chunk) => {
      read(chunk)
      if (started) send()
    })
    socket.on('close', () => {
      this.#sockets.delete(socket)
      // What it leaves open is rolled back, as a server would.
      lent?.stream.write(queryOf('rollback'))
      giveBack()
    })
  }

  #greet(socket: Socket, startup: string): boolean {
    if (startup.includes('options\0')) {
      this.refused += 1
      socket.end(errorOf('unsupported startup parameter: options'))
      return false
    }
    this.#clients += 1
    const key = Buffer.alloc(8)
    key.writeInt32BE(1_000_000_000 + this.#clients)
    socket.write(
      Buffer.concat([
        messageOf('R', Buffer.alloc(4)),
        messageOf('S', Buffer.from('client_encoding\0UTF8\0')),
        messageOf('K', key),
        messageOf('Z', Buffer.from('I')),
      ]),
    )
    return true
  }

  /** The one that was used last comes first. */
  #lend(take: (backend: Backend) => void): void {
    const backend = this.#idle.pop()
    if (backend === undefined) this.#waiting.push(take)
    else take(backend)
  }
}

/** A connection of the server; whoever has it hears what it says. */
class Backend {
  readonly stream: Socket
  heard: ((message: Buffer) => void) | undefined

  constructor(stream: Socket) {
    this.stream = stream
    stream.removeAllListeners('data')
    stream.on('error', () => undefined)
    stream.on(
      'data',
      cutter(false, (message) => this.heard?.(message)),
    )
  }
}

/** A socket that the driver has logged in. */
async function connected(url: string): Promise<Socket> {
  const client = new pg.Client({ connectionString: url, application_name: 'fake pooler' })
  client.on('error', () => undefined)
  await client.connect()
  return client.connection.stream as Socket
}

const SSL_REQUEST = 80_877_103

/** Cuts a stream into messages; the first ones of a client have no type. */
function cutter(ofClient: boolean, take: (message: Buffer, first: boolean) => void): (chunk: Buffer) => void {
  let pending = Buffer.alloc(0)
  let first = ofClient
  return (chunk) => {
    pending = Buffer.concat([pending, chunk])
    for (;;) {
      const head = first ? 0 : 1
      if (pending.length < head + 4) return
      const end = head + pending.readInt32BE(head)
      if (pending.length < end) return
      const message = pending.subarray(0, end)
      pending = pending.subarray(end)
      const wasFirst = first
      if (first && message.readInt32BE(4) !== SSL_REQUEST) first = false
      take(message, wasFirst)
    }
  }
}

function messageOf(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(type, 'latin1')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

function queryOf(text: string): Buffer {
  return messageOf('Q', Buffer.from(`${text}\0`))
}

function errorOf(message: string): Buffer {
  return messageOf('E', Buffer.from(`SFATAL\0VFATAL\0C08P01\0M${message}\0\0`))
}

function code(letter: string): number {
  return letter.charCodeAt(0)
}
