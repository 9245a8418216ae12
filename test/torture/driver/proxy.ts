import { createServer, type Server, Socket } from 'node:net'
import { callIn, idsIn, MessageReader } from './wire.ts'

/** A way through the proxy. */
export type Direction = 'toServer' | 'toClient'

/** An answer that was thrown away. */
export interface Dropped {
  readonly call: string
  /** What the answer named. */
  readonly ids: readonly string[]
}

interface Trap {
  readonly call: RegExp
  readonly then: 'reset' | 'silence'
  readonly told: (dropped: Dropped) => void
}

/**
 * A TCP proxy before a PostgreSQL server, for one process: it passes everything on until it is told to hold bytes
 * back, to lose them, to cut connections, or to throw away the answer to one call.
 */
export class WireProxy {
  readonly #target: { readonly host: string; readonly port: number }
  readonly #server: Server
  readonly #links = new Set<Link>()
  readonly #lost = new Set<Direction>()
  #delayMs = 0
  #trap: Trap | null = null

  constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target
    this.#server = createServer((client) => this.#accept(client))
  }

  /** @returns the port to connect to */
  async open(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    const address = this.#server.address()
    if (typeof address !== 'object' || address === null) throw new Error('the proxy has no port')
    return address.port
  }

  async close(): Promise<void> {
    this.reset()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** Loses every byte of a direction, without a sign to anybody; new connections are accepted and hear nothing. */
  blackhole(...directions: readonly Direction[]): void {
    for (const direction of directions) this.#lost.add(direction)
  }

  /**
   * Bytes pass again. Connections that lost some are out of step for good; a network that heals resets them.
   */
  heal(): void {
    this.#lost.clear()
    for (const link of this.#links) if (link.incomplete) link.reset()
  }

  /** Each piece of data takes this much longer, either way. */
  delay(ms: number): void {
    this.#delayMs = ms
  }

  /** Ends every connection with an RST. */
  reset(): void {
    for (const link of this.#links) link.reset()
  }

  /**
   * Throws away the answer to the next call that fits, and then cuts the connection or leaves it silent. The server
   * has done what it was asked for.
   *
   * @param told - gets what was thrown away
   */
  dropNextReply(call: RegExp, then: Trap['then'], told: Trap['told']): void {
    this.#trap = { call, then, told }
  }

  /** @internal */
  get delayMs(): number {
    return this.#delayMs
  }

  /** @internal */
  loses(direction: Direction): boolean {
    return this.#lost.has(direction)
  }

  /** @internal The trap, when the call is the one it waits for; it is taken then. */
  springs(call: string): Trap | null {
    if (this.#trap === null || !this.#trap.call.test(call)) return null
    const trap = this.#trap
    this.#trap = null
    return trap
  }

  #accept(client: Socket): void {
    const link = new Link(client, this, this.#target)
    this.#links.add(link)
    link.onceClosed(() => this.#links.delete(link))
  }
}

/** One connection through the proxy. */
class Link {
  readonly #client: Socket
  readonly #upstream: Socket
  readonly #proxy: WireProxy
  readonly #requests = new MessageReader(true)
  #answers: MessageReader | null = null
  #trap: (Trap & { readonly name: string }) | null = null
  #dropped = ''
  #silent = false
  readonly #busyUntil = new Map<Socket, number>()
  /** Whether bytes were lost on it. */
  incomplete = false

  constructor(client: Socket, proxy: WireProxy, target: { readonly host: string; readonly port: number }) {
    this.#client = client
    this.#proxy = proxy
    this.#upstream = new Socket({ allowHalfOpen: false })
    this.#upstream.connect(target.port, target.host)
    for (const [from, to] of this.#ways()) {
      from.setNoDelay(true)
      // Its end is told by `close`, which follows.
      from.on('error', () => undefined)
      from.on('close', () => {
        // Where no byte passes, no goodbye does.
        if (proxy.loses(from === client ? 'toServer' : 'toClient')) this.incomplete = true
        else to.destroy()
      })
    }
    client.on('data', (chunk) => this.#request(chunk))
    this.#upstream.on('data', (chunk) => this.#answer(chunk))
  }

  /** Once both ends are closed. */
  onceClosed(listener: () => void): void {
    let open = 2
    for (const [socket] of this.#ways()) {
      socket.once('close', () => {
        open -= 1
        if (open === 0) listener()
      })
    }
  }

  reset(): void {
    for (const [socket] of this.#ways()) {
      if (socket.connecting) socket.destroy()
      else socket.resetAndDestroy()
    }
  }

  #ways(): readonly (readonly [Socket, Socket])[] {
    return [
      [this.#client, this.#upstream],
      [this.#upstream, this.#client],
    ]
  }

  #request(chunk: Buffer): void {
    if (this.#proxy.loses('toServer')) {
      this.incomplete = true
      return
    }
    if (this.#trap === null) {
      for (const message of this.#requests.read(chunk)) {
        const call = callIn(message)
        const trap = call === null ? null : this.#proxy.springs(call)
        if (trap === null || call === null) continue
        this.#trap = { ...trap, name: call }
        this.#answers = new MessageReader(false)
      }
    }
    this.#pass(this.#upstream, chunk)
  }

  #answer(chunk: Buffer): void {
    if (this.#silent) return
    if (this.#proxy.loses('toClient')) {
      this.incomplete = true
      return
    }
    if (this.#trap !== null && this.#answers !== null) {
      this.#swallow(chunk, this.#trap, this.#answers)
      return
    }
    this.#pass(this.#client, chunk)
  }

  #swallow(chunk: Buffer, trap: Trap & { readonly name: string }, answers: MessageReader): void {
    this.#dropped += chunk.toString('latin1')
    // The server says that it is ready for the next query: all of the answer was here.
    if (!answers.read(chunk).some(({ type }) => type === 'Z')) return
    this.#silent = true
    this.incomplete = true
    trap.told({ call: trap.name, ids: idsIn(this.#dropped) })
    if (trap.then === 'reset') this.reset()
  }

  /** In order, also when the delay becomes shorter while bytes are under way. */
  #pass(to: Socket, chunk: Buffer): void {
    const now = performance.now()
    const due = Math.max(now + this.#proxy.delayMs, (this.#busyUntil.get(to) ?? 0) + 1)
    if (this.#proxy.delayMs === 0 && due <= now + 1) {
      to.write(chunk)
      return
    }
    this.#busyUntil.set(to, due)
    setTimeout(() => to.writable && to.write(chunk), due - now)
  }
}
