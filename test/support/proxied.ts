import { WireProxy } from '../torture/driver/proxy.ts'

/** A proxy before a database, and the URL that leads through it. */
export interface Proxied extends AsyncDisposable {
  readonly proxy: WireProxy
  readonly url: string
}

/** Puts a proxy before a database. */
export async function openProxy(url: string): Promise<Proxied> {
  const through = new URL(url)
  const proxy = new WireProxy({ host: through.hostname, port: Number(through.port) })
  through.host = `127.0.0.1:${await proxy.open()}`
  return { proxy, url: through.href, [Symbol.asyncDispose]: () => proxy.close() }
}
