import { connect, createServer, type Socket } from 'node:net'

/** What a line does to what passes. */
export interface Line {
  /** Each byte goes alone. */
  readonly byteByByte?: boolean
  /** Who says nothing for so long is cut off, as by a load balancer. */
  readonly idleMs?: number
}

/** A way to a server over such a line. */
export interface OddLine extends AsyncDisposable {
  readonly url: string
  /** Connections that were cut for saying nothing. */
  readonly cuts: number
}

/** Opens a TCP proxy before the server of a URL. */
export async function oddLine(url: string, { byteByByte = false, idleMs }: Line): Promise<OddLine> {
  const target = new URL(url)
  const sockets = new Set<Socket>()
  let cuts = 0
  const server = createServer((client) => {
    const upstream = connect({ host: target.hostname, port: Number(target.port) })
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      from.setNoDelay(true)
      from.on('error', () => to.destroy())
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
      from.on('data', (data: Buffer) => {
        if (byteByByte) for (const byte of data) to.write(Buffer.of(byte))
        else to.write(data)
      })
      if (idleMs !== undefined) from.setTimeout(idleMs)
    }
    client.on('timeout', () => {
      cuts += 1
      client.destroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const through = new URL(url)
  through.host = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  return {
    url: through.href,
    get cuts() {
      return cuts
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
