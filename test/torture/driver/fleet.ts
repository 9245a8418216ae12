import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import type { Role } from '../history/entries.ts'
import type { HistoryWriter } from '../history/writer.ts'
import { type ProgramSettings, toEnvironment } from '../programs/settings.ts'
import { WireProxy } from './proxy.ts'

/** A process of the run. */
export interface Child {
  readonly name: string
  readonly role: Role
  readonly pid: number
  /** Before the server, when it was started behind one. */
  readonly proxy: WireProxy | null
  /** Stopped with SIGSTOP at this moment. */
  frozen: boolean
  /** Cut off from the server, or about to end: leave it to that. */
  busy: boolean
  alive: boolean
  readonly ended: Promise<void>
}

/** How the processes of a run are started. */
export interface FleetOptions {
  readonly history: HistoryWriter
  /** Of histories and of what the processes print. */
  readonly folder: string
  readonly server: { url(database: string, port?: number, host?: string): string; readonly port: number }
  readonly database: string
  readonly settings: Omit<ProgramSettings, 'name' | 'url' | 'folder'>
  /** Whether workers connect through a proxy of their own. */
  readonly proxied: boolean
  /** Wraps the command line of a worker; for other clocks and networks. */
  readonly wrap?: (name: string) => Wrapping | undefined
}

/** Where and how a worker runs, other than plainly here. */
export interface Wrapping {
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Address of the server as seen from there. */
  readonly host?: string
}

/** Starts and ends the processes of a run, and puts on record what becomes of them. */
export class Fleet {
  readonly #options: FleetOptions
  readonly #children = new Set<Child>()
  readonly #processes = new Map<Child, ChildProcess>()
  #count = 0

  constructor(options: FleetOptions) {
    this.#options = options
    process.once('exit', this.#killAll)
  }

  /** Living processes of a role. */
  living(role: Role): Child[] {
    return [...this.#children].filter((child) => child.role === role && child.alive)
  }

  /** @param plain - without proxy or wrapping, whatever the run uses */
  async start(role: Role, { plain = false }: { readonly plain?: boolean } = {}): Promise<Child> {
    this.#count += 1
    const name = `${role}-${this.#count}`
    const { folder, server, database, settings, history, proxied, wrap } = this.#options
    const strange = role === 'worker' && !plain
    const wrapping = strange ? wrap?.(name) : undefined
    const proxy = strange && proxied ? new WireProxy({ host: '127.0.0.1', port: server.port }) : null
    const url =
      proxy === null
        ? server.url(database, undefined, wrapping?.host)
        : server.url(database, await proxy.open())
    const output = openSync(join(folder, `${name}.out`), 'a')
    const errors = openSync(join(folder, `${name}.err`), 'a')
    const [command = process.execPath, ...args] = [
      ...(wrapping?.command ?? []),
      process.execPath,
      join(import.meta.dirname, '..', 'programs', `${role}.ts`),
    ]
    const child = spawn(command, args, {
      env: { ...process.env, ...wrapping?.env, ...toEnvironment({ ...settings, name, url, folder }) },
      stdio: ['ignore', output, errors],
    })
    closeSync(output)
    closeSync(errors)
    const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
    const told: Child = {
      name,
      role,
      pid: child.pid ?? 0,
      proxy,
      frozen: false,
      busy: false,
      alive: true,
      ended: ended.then(async ([code, signal]) => {
        told.alive = false
        history.write({ e: 'exit', c: name, code, signal })
        await proxy?.close()
      }),
    }
    history.write({ e: 'spawn', c: name, role, pid: told.pid })
    this.#children.add(told)
    this.#processes.set(told, child)
    return told
  }

  kill(child: Child): void {
    this.#options.history.write({ e: 'kill9', c: child.name })
    this.#signal(child, 'SIGKILL')
  }

  terminate(child: Child): void {
    child.busy = true
    this.#options.history.write({ e: 'term', c: child.name })
    this.#signal(child, 'SIGTERM')
  }

  freeze(child: Child): void {
    this.#options.history.write({ e: 'sigstop', c: child.name })
    child.frozen = true
    this.#signal(child, 'SIGSTOP')
  }

  thaw(child: Child): void {
    if (!child.frozen) return
    child.frozen = false
    // Before the signal: nothing it does may be older than its thaw.
    this.#options.history.write({ e: 'sigcont', c: child.name })
    this.#signal(child, 'SIGCONT')
  }

  /** Kills whatever is left. */
  async end(): Promise<void> {
    this.#killAll()
    await Promise.all([...this.#children].map((child) => child.ended))
    process.off('exit', this.#killAll)
  }

  readonly #killAll = (): void => {
    for (const child of this.#children) this.#signal(child, 'SIGKILL')
  }

  #signal(child: Child, name: NodeJS.Signals): void {
    if (child.alive) this.#processes.get(child)?.kill(name)
  }
}
