import { connect, createServer, type Socket } from 'node:net'

/** What happens to the next COMMIT. */
export type CommitFault =
  /** It arrives, and its answer does not: the connection breaks. */
  | 'answer lost'
  /** It never arrives: the connection breaks. */
  | 'request lost'
  /** It never arrives: the client's side breaks, the server's stays open as if nothing had happened. */
  | 'black hole'

/** A way to a server that can break off at a COMMIT. */
export interface CommitProxy extends AsyncDisposable {
  readonly url: string
  /** COMMITs that met the fault. */
  readonly hits: number
  /** Does this to the next COMMIT, and to no other. */
  break(fault: CommitFault): void
}

/** Opens a TCP proxy before the server of a URL. */
export async function commitProxy(url: string): Promise<CommitProxy> {
  const target = new URL(url)
  const sockets = new Set<Socket>()
  let next: CommitFault | null = null
  let hits = 0
  const server = createServer((client) => {
    const upstream = connect({ host: target.hostname, port: Number(target.port || 5432) })
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => sockets.delete(socket))
    }
    let answerLost = false
    client.on('data', (data) => {
      const fault = next
      if (fault !== null && /^Q.{4}commit\0/s.test(data.toString('latin1'))) {
        next = null
        hits += 1
        if (fault === 'answer lost') answerLost = true
        else {
          client.destroy()
          if (fault === 'request lost') upstream.destroy()
          return
        }
      }
      upstream.write(data)
    })
    upstream.on('data', (data) => {
      if (!answerLost) {
        client.write(data)
        return
      }
      client.destroy()
      upstream.destroy()
    })
    client.on('end', () => upstream.end())
    upstream.on('close', () => client.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const proxied = new URL(url)
  proxied.hostname = '127.0.0.1'
  proxied.port = String(typeof address === 'object' ? address?.port : '')
  return {
    url: proxied.href,
    get hits() {
      return hits
    },
    break: (fault) => {
      next = fault
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
