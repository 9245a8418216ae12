import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withConnection } from '../../src/embedded/connection.ts'
import { Celeriac, migrate } from '../../src/index.ts'
import type { Bounds } from './checker/bounds.ts'
import { check, type Report } from './checker/check.ts'
import type { Evidence, Printed } from './checker/evidence.ts'
import { brokenFunctions, type Edit } from './controls.ts'
import { Fleet } from './driver/fleet.ts'
import type { TortureServer } from './driver/server.ts'
import { surroundingsOf } from './driver/surroundings.ts'
import { dumpTables, findLeftovers, sample, WORKLOAD_TABLES } from './driver/tables.ts'
import { pause } from './faults/fault.ts'
import type { Phase } from './history/entries.ts'
import { readHistory } from './history/reader.ts'
import { HistoryWriter, monotonicMs } from './history/writer.ts'
import type { Lane } from './lanes.ts'
import { torment } from './nemesis.ts'
import { type Broken, CANARY } from './programs/settings.ts'
import { Random } from './random.ts'

/** How a lane is run. */
export interface RunOptions {
  readonly server: TortureServer
  readonly lane: Lane
  readonly seed: string
  readonly seconds?: number
  readonly edits?: readonly Edit[]
  readonly broken?: Broken | null
  readonly bounds?: Partial<Bounds>
  /** Whether to measure wake-ups afterwards. */
  readonly probe?: boolean
  /** Whether to measure what idle workers cost, which takes a while. */
  readonly idle?: boolean
}

/** What running a lane came to. */
export interface Outcome {
  readonly lane: string
  readonly postgres: string
  readonly seed: string
  readonly seconds: number
  readonly faults: Readonly<Record<string, number>>
  readonly report: Report
  /** Of the histories; removed when nothing was wrong. */
  readonly folder: string
}

const PROBES = 120
const PROBE_MS = 30
/** A timer that is later than this tells that whatever is measured now is the machine. */
const BUSY_MS = 25
const IDLE_MS = 12_000
/** Sessions report what they did once they have been idle for ten seconds. */
const STATISTICS_MS = 10_500
const CLOSE_MS = 15_000

/** Runs a lane on a database of its own: faults, healing, drain, probe, stop, and the judgement. */
export async function runLane(options: RunOptions): Promise<Outcome> {
  const begun = monotonicMs()
  const { server, lane, seed, seconds = lane.seconds } = options
  const folder = mkdtempSync(join(tmpdir(), `celeriac-torture-${lane.name.replaceAll(' ', '-')}-`))
  const database = `torture_${randomBytes(4).toString('hex')}`
  const url = await server.createDatabase(database)
  const loggedBefore = (await server.log()).length
  await prepare(url, options.edits ?? [])
  const history = new HistoryWriter(folder, 'driver')
  await using surroundings = await surroundingsOf(lane.strange, server)
  const fleet = new Fleet({
    ...{ history, folder, server, database, proxied: lane.proxied, wrap: surroundings.wrap },
    settings: {
      ...{
        seed,
        concurrency: lane.concurrency,
        rate: lane.rate,
        mix: lane.mix,
        broken: options.broken ?? null,
        schedules: lane.schedules,
      },
    },
  })
  const driver = new Driver(options, { fleet, history, url })
  try {
    const faults = await driver.torture(seconds, async (over) =>
      torment(
        { fleet, server, database, history, over, random: new Random(`${seed} nemesis`), surroundings },
        lane.schedule,
      ),
    )
    const drained = await driver.drain()
    if (drained && options.probe !== false) await driver.probe()
    if (drained && options.idle !== false) await driver.rest()
    const undead = await driver.close()
    const leftovers = await settledLeftovers(url, undead)
    const dump = await dumpTables(url, Date.now() - monotonicMs())
    history.write({ e: 'phase', name: 'end' })
    history.close()
    const evidence: Evidence = {
      ...{ dump, leftovers, drained },
      entries: readHistory(folder),
      printed: [
        ...readPrinted(folder),
        { by: 'postgres', stream: 'log', text: (await server.log()).slice(loggedBefore) },
      ],
      secrets: [CANARY, server.password],
    }
    const report = check(evidence, { mostHeld: lane.mostHeld, ...options.bounds })
    if (report.violations.length === 0) rmSync(folder, { recursive: true, force: true })
    else writeFileSync(join(folder, 'tables.json'), JSON.stringify(dump))
    return {
      ...{ lane: lane.name, postgres: server.version, seed, faults, report, folder },
      seconds: Math.round((monotonicMs() - begun) / 1_000),
    }
  } finally {
    await fleet.end()
    await server.dropDatabase(database).catch(() => undefined)
  }
}

/** Leads the processes of a run through its phases. */
class Driver {
  readonly #options: RunOptions
  readonly #fleet: Fleet
  readonly #history: HistoryWriter
  readonly #url: string
  readonly #ending = new AbortController()
  readonly #loops: Promise<void>[] = []
  /** Workers that are started from now on are as good as any. */
  #plain = false

  constructor(
    options: RunOptions,
    { fleet, history, url }: { fleet: Fleet; history: HistoryWriter; url: string },
  ) {
    this.#options = options
    this.#fleet = fleet
    this.#history = history
    this.#url = url
  }

  async torture<Result>(seconds: number, faults: (over: AbortSignal) => Promise<Result>): Promise<Result> {
    const { lane } = this.#options
    this.#phase('calm')
    this.#loops.push(this.#supervise(), this.#look())
    await this.#until(async () => (await this.#count('workers')) >= lane.workers, 30_000)
    await this.#fleet.start('producer')
    if (lane.operator) await this.#fleet.start('operator')
    await pause(2_000, new AbortController().signal)
    this.#phase('faults')
    const over = new AbortController()
    const tormented = faults(over.signal)
    await Promise.race([pause(seconds * 1_000, new AbortController().signal), tormented])
    over.abort()
    return tormented
  }

  /** Whether everything due was worked off in time. */
  async drain(): Promise<boolean> {
    this.#phase('drain')
    this.#plain = true
    for (const child of [...this.#fleet.living('producer'), ...this.#fleet.living('operator')]) {
      this.#fleet.terminate(child)
      await child.ended
    }
    await this.#until(() => this.#pauseSchedules(), 30_000)
    return this.#until(async () => (await this.#count('jobs')) === 0, this.#options.lane.drainSeconds * 1_000)
  }

  /** One job at a time, to workers that sleep; and then none at all. */
  async probe(): Promise<void> {
    const app = new Celeriac({ database: this.#url, log: 'silent' })
    const task = app.declare<(mark: string, parameter: number, secret: string) => unknown>('short')
    const never = new AbortController().signal
    await task.enqueue('warm-up', 1, CANARY).catch(() => undefined)
    this.#history.write({ e: 'enq', ks: ['warm-up'] })
    await pause(500, never)
    this.#phase('probe')
    for (let count = 0; count < PROBES; count += 1) {
      const ks = [`probe-${count}`]
      this.#history.write({ e: 'enq', ks })
      await task.enqueue(`probe-${count}`, 1, CANARY)
      this.#history.write({ e: 'enq-ok', ks })
      const begun = performance.now()
      await pause(PROBE_MS, never)
      const late = performance.now() - begun - PROBE_MS
      if (late > BUSY_MS) this.#history.write({ e: 'busy', ms: Math.round(late) })
    }
    await this.#until(async () => (await this.#count('jobs')) === 0, 15_000)
    await app.stop()
    this.#phase('calm')
  }

  /** Nothing at all, to see what idle workers do. */
  async rest(): Promise<void> {
    const never = new AbortController().signal
    await pause(STATISTICS_MS, never)
    this.#phase('idle')
    await pause(IDLE_MS, never)
  }

  /** Stops all workers; returns those that had to be killed. */
  async close(): Promise<string[]> {
    this.#phase('close')
    this.#ending.abort()
    await Promise.all(this.#loops)
    const workers = this.#fleet.living('worker')
    for (const child of workers) {
      this.#fleet.thaw(child)
      this.#fleet.terminate(child)
    }
    const late = pause(CLOSE_MS, AbortSignal.timeout(CLOSE_MS)).then(() => 'late')
    await Promise.race([late, Promise.all(workers.map((child) => child.ended))])
    const undead = workers.filter(({ alive }) => alive).map(({ name }) => name)
    await this.#fleet.end()
    return undead
  }

  /** Starts a worker for each that ended, as whatever runs workers would. */
  async #supervise(): Promise<void> {
    const { lane, server } = this.#options
    while (!this.#ending.signal.aborted) {
      const missing = lane.workers - this.#fleet.living('worker').length
      if (missing > 0 && server.up) {
        await this.#fleet.start('worker', { plain: this.#plain })
        continue
      }
      await pause(200, this.#ending.signal)
    }
  }

  async #look(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      const seen = this.#options.server.up ? await sample(this.#url) : null
      if (seen !== null) this.#history.write(seen)
      await pause(1_000, this.#ending.signal)
    }
  }

  /** Nothing would ever be worked off while they go on. */
  async #pauseSchedules(): Promise<boolean> {
    return withConnection(this.#url, async (client) => {
      await client.query('select celeriac.pause_schedule(name) from celeriac.schedules')
      this.#history.write({ e: 'paused' })
      return true
    })
  }

  #phase(name: Phase): void {
    this.#history.write({ e: 'phase', name })
  }

  async #count(table: 'jobs' | 'workers'): Promise<number> {
    return withConnection(this.#url, async (client) => {
      const { rows } = await client.query<{ count: number }>(`select count(*)::int from celeriac.${table}`)
      return rows[0]?.count ?? -1
    })
  }

  async #until(condition: () => Promise<boolean>, timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs
    while (performance.now() < deadline) {
      if (await condition().catch(() => false)) return true
      await pause(200, new AbortController().signal)
    }
    return false
  }
}

async function prepare(url: string, edits: readonly Edit[]): Promise<void> {
  await migrate({ database: url })
  await withConnection(url, async (client) => {
    await client.query(WORKLOAD_TABLES)
    for (const text of brokenFunctions(edits)) await client.query(text)
  })
}

/** Sessions take a moment to end after their process did. */
async function settledLeftovers(
  url: string,
  undead: readonly string[],
): Promise<Awaited<ReturnType<typeof findLeftovers>>> {
  for (let waited = 0; ; waited += 250) {
    const leftovers = await findLeftovers(url, undead)
    const clean =
      leftovers.connections.length === 0 && leftovers.advisoryLocks === 0 && leftovers.prepared === 0
    if (clean || waited >= 5_000) return leftovers
    await pause(250, new AbortController().signal)
  }
}

function readPrinted(folder: string): Printed[] {
  return readdirSync(folder).flatMap((file) => {
    const [, by = '', stream] = /^(.+)\.(out|err)$/.exec(file) ?? []
    if (stream !== 'out' && stream !== 'err') return []
    return [{ by, stream, text: readFileSync(join(folder, file), 'utf8') } as const]
  })
}
