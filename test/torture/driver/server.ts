import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EmbeddedVersion, findBinaries } from '../../../src/embedded/binaries.ts'
import { createCluster, type Launch, startCluster, stopServer } from '../../../src/embedded/cluster.ts'
import { readPassword, urlOf, withConnection } from '../../../src/embedded/connection.ts'
import { placeIn } from '../../../src/embedded/place.ts'
import type { Postmaster } from '../../../src/embedded/postmaster.ts'
import { choosePrivileges } from '../../../src/embedded/privileges.ts'
import { makeEphemeralFolder, sweepEphemeral } from '../../../src/embedded/sweep.ts'

/** How a server is stopped: its sessions ended in order, or everything dropped as in a crash. */
export type StopMode = 'fast' | 'immediate'

/**
 * A PostgreSQL that is there to be tortured. It commits to the operating system, so that a stop of its own, however
 * hard, loses nothing that was acknowledged; only the machine must not lose power.
 */
export class TortureServer {
  #launch: Launch
  readonly #password: string
  #postmaster: Postmaster | null
  readonly #forget: () => void
  #up = true
  readonly #settings: Readonly<Record<string, string>>
  #access: string | undefined

  private constructor(launch: Launch, password: string, postmaster: Postmaster) {
    this.#launch = launch
    this.#settings = launch.settings
    this.#password = password
    this.#postmaster = postmaster
    const onExit = (): void => this.#abandon()
    process.once('exit', onExit)
    this.#forget = () => process.off('exit', onExit)
  }

  static async start(
    version: EmbeddedVersion,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<TortureServer> {
    const binaries = await findBinaries(version)
    await sweepEphemeral(tmpdir())
    const place = placeIn(await makeEphemeralFolder(tmpdir()))
    const launch: Launch = {
      place,
      binaries,
      privileges: await choosePrivileges(),
      ephemeral: true,
      settings: {
        synchronous_commit: 'on',
        full_page_writes: 'on',
        max_connections: '300',
        log_lock_waits: 'off',
        ...settings,
      },
      port: undefined,
    }
    await createCluster(launch)
    const postmaster = await startCluster(launch)
    const server = new TortureServer(launch, await readPassword(place.password), postmaster)
    await server.accepting()
    return server
  }

  /** `18.4` */
  get version(): string {
    return this.#launch.binaries.fullVersion
  }

  /** Whether it takes connections, as far as we have a hand in it. */
  get up(): boolean {
    return this.#up
  }

  get password(): string {
    return this.#password
  }

  get port(): number {
    return this.#postmaster?.port ?? this.#launch.port ?? 0
  }

  url(database: string, port: number = this.port, host = '127.0.0.1'): string {
    return urlOf(port, this.#password, database).replace('127.0.0.1', host)
  }

  /** What the server has written to its log. */
  async log(): Promise<string> {
    return readFile(this.#launch.place.log, 'utf8').catch(() => '')
  }

  async createDatabase(name: string): Promise<string> {
    await withConnection(this.url('postgres'), (client) => client.query(`create database "${name}"`))
    return this.url(name)
  }

  async dropDatabase(name: string): Promise<void> {
    await withConnection(this.url('postgres'), (client) =>
      client.query(`drop database if exists "${name}" with (force)`),
    )
  }

  async stop(mode: StopMode): Promise<void> {
    const postmaster = this.#postmaster
    if (postmaster === null) return
    this.#up = false
    this.#postmaster = { ...postmaster, pid: 0 }
    await stopServer(this.#launch.place.data, postmaster.pid, mode, this.#launch.binaries.pgCtl)
  }

  /** On the same port, after `stop`. */
  async startAgain(env: NodeJS.ProcessEnv = {}): Promise<void> {
    const kept = { ...process.env }
    Object.assign(process.env, env)
    try {
      this.#postmaster = await startCluster({ ...this.#launch, port: this.port })
    } finally {
      for (const name of Object.keys(env)) {
        if (kept[name] === undefined) delete process.env[name]
        else process.env[name] = kept[name]
      }
    }
    await this.accepting()
  }

  /**
   * Restarts it with settings that differ from those it was made with.
   *
   * @param access - lines of pg_hba.conf that hold beside those it was made with
   */
  async reconfigure(settings: Readonly<Record<string, string>>, access: readonly string[]): Promise<void> {
    const { place } = this.#launch
    const path = join(place.data, 'pg_hba.conf')
    this.#access ??= readFileSync(path, 'utf8')
    writeFileSync(path, [this.#access, ...access, ''].join('\n'))
    await this.stop('fast')
    this.#launch = { ...this.#launch, settings: { ...this.#settings, ...settings } }
    await this.startAgain()
  }

  /** Resolves once it takes connections. */
  async accepting(): Promise<void> {
    await withConnection(this.url('postgres'), (client) => client.query('select'))
    this.#up = true
  }

  /** Its processes are stopped with SIGSTOP, or go on again. */
  freeze(frozen: boolean): void {
    this.#up = !frozen
    for (const pid of this.processes()) process.kill(pid, frozen ? 'SIGSTOP' : 'SIGCONT')
  }

  /** Resolves once it has noticed a killed backend and takes connections again. */
  async recovered(): Promise<void> {
    // It still answers for a moment, until it has read that the backend is dead.
    await new Promise((resolve) => setTimeout(resolve, 100))
    await this.accepting()
  }

  /** Process ids of the server, the postmaster first. Linux only; others know the postmaster alone. */
  processes(): number[] {
    const postmaster = this.#postmaster?.pid ?? 0
    if (postmaster === 0) return []
    return [postmaster, ...childrenOf(postmaster)]
  }

  /** Ends it for good and removes its data. */
  async destroy(): Promise<void> {
    this.#forget()
    await this.stop('immediate')
    rmSync(this.#launch.place.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  #abandon(): void {
    try {
      if (this.#postmaster !== null && this.#postmaster.pid > 0) {
        for (const pid of this.processes()) process.kill(pid, 'SIGCONT')
        process.kill(this.#postmaster.pid, 'SIGQUIT')
      }
    } catch {
      // Gone already. The folder is swept by the next start.
    }
  }
}

function childrenOf(parent: number): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && parentOf(name) === parent)
      .map(Number)
  } catch {
    return []
  }
}

function parentOf(pid: string): number {
  try {
    // pid (name) state ppid …; the name may hold anything, also parentheses.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return -1
  }
}
