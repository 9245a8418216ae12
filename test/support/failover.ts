import { chmodSync, cpSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findBinaries } from '../../src/embedded/binaries.ts'
import { createCluster, type Launch, startCluster, stopServer } from '../../src/embedded/cluster.ts'
import { readPassword, urlOf, withConnection } from '../../src/embedded/connection.ts'
import { placeIn } from '../../src/embedded/place.ts'
import type { Postmaster } from '../../src/embedded/postmaster.ts'
import { choosePrivileges, giveTo } from '../../src/embedded/privileges.ts'
import { makeEphemeralFolder } from '../../src/embedded/sweep.ts'
import { until } from './until.ts'

/** One of two servers. */
interface Node {
  readonly launch: Launch
  postmaster: Postmaster
}

/**
 * A primary and its standby, and one address for both: that of a load balancer, or of a name that is given to another
 * server.
 */
export class Failover implements AsyncDisposable {
  readonly #password: string
  readonly #sockets = new Set<Socket>()
  readonly #address = createServer((socket) => this.#accept(socket))
  #primary: Node
  #standby: Node
  #target: number

  private constructor(primary: Node, standby: Node, password: string) {
    this.#primary = primary
    this.#standby = standby
    this.#password = password
    this.#target = primary.postmaster.port
  }

  static async start(): Promise<Failover> {
    const first = await launch()
    await createCluster(first)
    const password = await readPassword(first.place.password)
    const second = await launch()
    cpSync(first.place.data, second.place.data, { recursive: true })
    chmodSync(second.place.data, 0o700)
    cpSync(first.place.password, second.place.password)
    await giveTo(second.privileges, second.place.data)
    const primary = { launch: first, postmaster: await startCluster(first) }
    const standby = await startStandby(second, primary.postmaster.port, password).catch(async (error) => {
      await stopServer(first.place.data, primary.postmaster.pid, 'immediate')
      throw error
    })
    const pair = new Failover(primary, standby, password)
    await new Promise<void>((resolve) => pair.#address.listen(0, '127.0.0.1', resolve))
    return pair
  }

  /** Leads to the primary, until it is moved. */
  get url(): string {
    const address = this.#address.address()
    return urlOf(typeof address === 'object' ? (address?.port ?? 0) : 0, this.#password, 'postgres')
  }

  get primaryUrl(): string {
    return urlOf(this.#primary.postmaster.port, this.#password, 'postgres')
  }

  get standbyUrl(): string {
    return urlOf(this.#standby.postmaster.port, this.#password, 'postgres')
  }

  /** Resolves once the standby has everything the primary has. */
  async caughtUp(): Promise<void> {
    const at = await one(this.primaryUrl, 'select pg_current_wal_insert_lsn()::text as value')
    await until(
      async () =>
        (await one(this.standbyUrl, `select (pg_last_wal_replay_lsn() >= '${at}')::text as value`)) ===
        'true',
    )
  }

  /** The primary crashes and comes back as a standby that has nobody to follow: it only reads. */
  async demote(): Promise<void> {
    const { launch, postmaster } = this.#primary
    await stopServer(launch.place.data, postmaster.pid, 'immediate')
    this.#primary.postmaster = (await startStandby(launch, postmaster.port, this.#password)).postmaster
  }

  /** The standby becomes the primary, and the address leads there; what is connected already stays where it is. */
  async promote(): Promise<void> {
    await one(this.standbyUrl, 'select pg_promote()::text as value')
    ;[this.#primary, this.#standby] = [this.#standby, this.#primary]
    this.#target = this.#primary.postmaster.port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#address.close(resolve))
    for (const { launch, postmaster } of [this.#primary, this.#standby]) {
      await stopServer(launch.place.data, postmaster.pid, 'immediate')
      rmSync(launch.place.folder, { recursive: true, force: true, maxRetries: 5 })
    }
  }

  #accept(socket: Socket): void {
    const upstream = connect(this.#target, '127.0.0.1')
    for (const [from, to] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      this.#sockets.add(from)
      from.on('error', () => to.destroy())
      from.on('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
      from.pipe(to)
    }
  }
}

async function launch(): Promise<Launch> {
  return {
    place: placeIn(await makeEphemeralFolder(tmpdir())),
    binaries: await findBinaries(18),
    privileges: await choosePrivileges(),
    ephemeral: true,
    settings: { wal_level: 'replica', synchronous_commit: 'on', hot_standby: 'on', full_page_writes: 'on' },
    port: undefined,
  }
}

async function startStandby(launch: Launch, primaryPort: number, password: string): Promise<Node> {
  writeFileSync(join(launch.place.data, 'standby.signal'), '')
  await giveTo(launch.privileges, launch.place.data)
  const primary = `host=127.0.0.1 port=${primaryPort} user=postgres password=${password}`
  const settings = { ...launch.settings, primary_conninfo: primary }
  return { launch, postmaster: await startCluster({ ...launch, settings }) }
}

async function one(url: string, text: string): Promise<unknown> {
  return withConnection(url, async (client) => (await client.query(text)).rows[0]?.value)
}
