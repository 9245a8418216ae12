import type { Client } from 'pg'
import type { Contender, Family, Settings } from './contenders/contender.ts'
import { now, pause } from './harness/clock.ts'
import { processCpuSeconds, serverCpuSeconds } from './harness/cpu.ts'
import type { WorkerOrder } from './harness/orders.ts'
import { connect } from './harness/query.ts'
import { Remote } from './harness/remote.ts'
import type { Sizes } from './harness/sizes.ts'
import { type Postgres, settleDatabase, walBytes } from './postgres.ts'
import type { Redis } from './redis.ts'

/** A store of one contender for one measurement: a database of its own, new and set up. */
export interface Site {
  readonly contender: Contender
  readonly url: string
  /** A producer of the contender in a process of its own. */
  producer(settings?: Settings): Promise<Remote>
  /** A worker of the contender in a process of its own; it may begin jobs before this resolves. */
  worker(order?: Partial<WorkerOrder>): Promise<Remote>
  /** A worker and a producer that share one process. */
  together(): Promise<Remote>
  /** Vacuums, analyses and checkpoints. */
  rest(): Promise<void>
  /** CPU seconds of the server so far. */
  serverCpu(): number
  /** Bytes of log so far; NaN where the store keeps none. */
  log(): Promise<number>
  /** A connection to the database; throws for a contender that has none. */
  connect(): Promise<Client>
}

/** Where questions are asked: servers, contenders and sizes of this run. */
export class Lab {
  readonly contenders: readonly Contender[]
  readonly sizes: Sizes
  readonly postgres: Postgres
  readonly #redis: Redis | undefined
  readonly #templates = new Map<string, Promise<void>>()
  #databases = 0

  constructor(options: {
    contenders: readonly Contender[]
    sizes: Sizes
    postgres: Postgres
    redis: Redis | undefined
  }) {
    this.contenders = options.contenders
    this.sizes = options.sizes
    this.postgres = options.postgres
    this.#redis = options.redis
  }

  /** The contenders that take part in a question, as far as it wants them. */
  choose(question: string, wanted: (contender: Contender) => boolean = () => true): Contender[] {
    return this.contenders.filter((contender) => {
      return (contender.only?.includes(question) ?? true) && wanted(contender)
    })
  }

  /** Whether a family takes part in this run. */
  has(family: Family): boolean {
    return this.contenders.some((contender) => contender.family === family)
  }

  /** Lets `act` work on a new store of the contender; ends every process it opened and drops the store. */
  async on<T>(contender: Contender, act: (site: Site) => Promise<T>): Promise<T> {
    const remotes: Remote[] = []
    const clients: Client[] = []
    const url = contender.store === 'redis' ? await this.#emptyRedis() : await this.#newDatabase(contender)
    const remote = async (open: (child: Remote) => Promise<unknown>) => {
      const child = new Remote(contender)
      remotes.push(child)
      await open(child)
      return child
    }
    const site: Site = {
      contender,
      url,
      producer: (settings = {}) => remote((child) => child.ask('openProducer', { url, settings })),
      worker: (order = {}) =>
        remote((child) => child.ask('openWorker', { settings: {}, reportEach: false, ...order, url })),
      together: () => remote((child) => child.ask('openTogether', { url })),
      rest: async () => {
        if (contender.store === 'postgres') await settleDatabase(this.postgres, url)
      },
      serverCpu: () =>
        contender.store === 'redis'
          ? processCpuSeconds(this.#redis?.pid ?? 0)
          : serverCpuSeconds(this.postgres.pid),
      log: async () => (contender.store === 'redis' ? Number.NaN : walBytes(this.postgres)),
      connect: async () => {
        const client = await connect(url)
        clients.push(client)
        return client
      },
    }
    try {
      return await act(site)
    } finally {
      for (const child of remotes) child.kill()
      await Promise.all(clients.map((client) => client.end().catch(() => {})))
      if (contender.store === 'postgres') await this.#dropDatabase(url)
    }
  }

  async #emptyRedis(): Promise<string> {
    if (!this.#redis) throw new Error('there is no redis-server on this machine')
    await this.#redis.empty()
    return this.#redis.url
  }

  async #newDatabase(contender: Contender): Promise<string> {
    const template = `template_${contender.id}`
    let made = this.#templates.get(template)
    if (!made) {
      made = this.#makeTemplate(template, contender)
      this.#templates.set(template, made)
    }
    await made
    const name = `${contender.id}_${++this.#databases}`
    await this.postgres.admin(`create database ${name} template ${template}`)
    return this.postgres.urlOf(name)
  }

  async #makeTemplate(name: string, contender: Contender): Promise<void> {
    await this.postgres.admin(`create database ${name}`)
    await contender.setUp(this.postgres.urlOf(name))
    await this.#noConnections(name)
  }

  /** A template cannot be copied while anybody is connected to it. */
  async #noConnections(name: string): Promise<void> {
    await until(
      async () => {
        const [row] = await this.postgres.admin(
          'select count(*)::int as count from pg_stat_activity where datname = $1',
          [name],
        )
        return Number(row?.count) === 0
      },
      5_000,
      `connections to ${name} are still open`,
    )
  }

  async #dropDatabase(url: string): Promise<void> {
    await this.postgres.admin(`drop database ${new URL(url).pathname.slice(1)} with (force)`)
    await this.postgres.admin('checkpoint')
  }
}

/** Waits until `holds`, looking every few ms; throws `complaint` when it takes too long. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  timeoutMs: number,
  complaint: string,
): Promise<void> {
  const deadline = now() + timeoutMs
  while (!(await holds())) {
    if (now() > deadline) throw new Error(complaint)
    await pause(5)
  }
}
