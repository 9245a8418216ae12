import { type EmbeddedOptions, type EmbeddedPostgres, startEmbedded } from '../../src/embedded/index.ts'

/** A process that starts the server it is told to, and stops it when told: the other side of processes.ts. */

const servers: EmbeddedPostgres[] = []

process.on('message', (order: { readonly start: EmbeddedOptions } | 'stop' | 'exit') => {
  void obey(order).then(
    (done) => process.send?.({ done }),
    (error: unknown) => process.send?.({ error: error instanceof Error ? error.message : String(error) }),
  )
})

async function obey(order: { readonly start: EmbeddedOptions } | 'stop' | 'exit'): Promise<unknown> {
  if (order === 'exit') process.exit(0)
  if (order === 'stop') {
    const server = servers.pop()
    const stopped = await server?.stop()
    return stopped
  }
  const server = await startEmbedded(order.start)
  servers.push(server)
  const { url, dir, version, adopted, createdMs, startedMs } = server
  return { url, dir, version, adopted, createdMs, startedMs }
}
