import type { EdgeRow, NodeRow } from '../driver/canvas-tables.ts'
import type { FireRow, FlowRow, HoldRow } from '../driver/flow-tables.ts'
import type { AttemptRow, Dump, Leftovers, LeftRow, ResultRow } from '../driver/tables.ts'
import type { AnyEntry, Entry, SettledAs } from '../history/entries.ts'
import type { Bounds } from './bounds.ts'
import { check, type Report } from './check.ts'
import type { Evidence, Printed } from './evidence.ts'

/**
 * A run written by hand, for tests of the checker: what happened and when, and what the tables hold in the end.
 * Each verb adds one fact; nothing follows by itself, so that a story can be as wrong as it likes.
 */
export class Story {
  readonly #entries: Entry[] = []
  readonly #left: LeftRow[] = []
  readonly #results: ResultRow[] = []
  readonly #attempts: AttemptRow[] = []
  readonly #effects: { jobId: string; token: number }[] = []
  readonly #orders: string[] = []
  readonly #corrupt: string[] = []
  readonly #nodes: NodeRow[] = []
  readonly #edges: EdgeRow[] = []
  readonly #faults: string[] = []
  readonly #flow: FlowRow[] = []
  readonly #holds: HoldRow[] = []
  readonly #fires: FireRow[] = []
  readonly #printed: Printed[] = []
  #leftovers: Leftovers = { connections: [], advisoryLocks: 0, prepared: 0, workers: 0, undead: [] }
  #drained = true

  /** Any entry of the history. */
  at(t: number, p: string, entry: AnyEntry): this {
    this.#entries.push({ t, p, ...entry })
    return this
  }

  /** A worker process `a` whose worker has the id `wa`, from an instant on. */
  worker(name: string, t = 0): this {
    this.at(t, 'driver', { e: 'spawn', c: name, role: 'worker', pid: 1 })
    return this.at(t, name, { e: 'worker', w: `w${name}` })
  }

  /** A job with the mark and id `j`, acknowledged at 0. */
  enqueued(j: string, t = 0): this {
    this.at(t, 'producer', { e: 'enq', ks: [j] })
    return this.at(t, 'producer', { e: 'enq-ok', ks: [j] })
  }

  start(t: number, p: string, j: string, k: number, { a = k, task = 'short' } = {}): this {
    return this.at(t, p, { e: 'start', j, k, a, w: `w${p}`, task, mark: j })
  }

  end(t: number, p: string, j: string, k: number, out: 'ok' | 'error' | 'aborted' = 'ok'): this {
    return this.at(t, p, { e: 'end', j, k, out })
  }

  settled(t: number, p: string, j: string, a: number, as: SettledAs = 'succeeded'): this {
    return this.at(t, p, { e: 'settled', j, a, as })
  }

  /** A process does something to another: `kill9`, `sigstop`, `partition` … */
  done(t: number, e: 'kill9' | 'term' | 'sigstop' | 'sigcont' | 'cut' | 'heal' | 'reset', c: string): this {
    return this.at(t, 'driver', { e, c })
  }

  exit(t: number, c: string, code: number | null = 0): this {
    return this.at(t, 'driver', { e: 'exit', c, code, signal: code === null ? 'SIGKILL' : null })
  }

  /** The final row of a job. */
  result(id: string, p: string | null, token: number, row: Partial<ResultRow> = {}): this {
    const workerId = p === null ? null : `w${p}`
    this.#results.push({
      ...{ id, mark: id, task: 'short', state: 'succeeded', token, workerId, attempt: 1, maxAttempts: 5 },
      ...{ snoozes: 0, losses: 0, errorCode: null },
      value: workerId === null ? null : { token, worker: workerId },
      ...row,
    })
    return this
  }

  /** A job runs and succeeds, as it should, in 10 ms. */
  runs(t: number, p: string, j: string, k = 1): this {
    return this.start(t, p, j, k)
      .end(t + 10, p, j, k)
      .settled(t + 11, p, j, k)
  }

  attempt(t: number, jobId: string, p: string, token: number, outcome: string): this {
    this.#attempts.push({ jobId, attempt: token, token, outcome, workerId: `w${p}`, endedAt: t })
    return this
  }

  left(id: string, p: string | null = null): this {
    this.#left.push({ id, mark: id, task: 'short', workerId: p === null ? null : `w${p}`, token: 1 })
    return this
  }

  effect(jobId: string, token: number): this {
    this.#effects.push({ jobId, token })
    return this
  }

  order(mark: string): this {
    this.#orders.push(mark)
    return this
  }

  corrupt(what: string): this {
    this.#corrupt.push(what)
    return this
  }

  /** A job of a canvas as the tables hold it; its mark is its id. */
  node(id: string, row: Partial<NodeRow> = {}): this {
    const nothing = { parentId: null, join: null, upstream: null, errorCode: null, v: null }
    this.#nodes.push({ ...nothing, id, mark: id, task: 'node', state: 'succeeded', token: 1, ...row })
    return this
  }

  edge(parent: string, child: string, position: number | null = null): this {
    this.#edges.push({ parent, child, position, intoJoin: position !== null })
    return this
  }

  edgeFault(what: string): this {
    this.#faults.push(what)
    return this
  }

  /** A step in the life of a job that is limited or made by a schedule, as the database noted it. */
  step(at: number, what: FlowRow['what'], job: string, row: Partial<FlowRow> = {}): this {
    const nothing = { token: 1, task: 'limited-one', parameter: 0, runAt: null, claimedAt: null, stamp: null }
    this.#flow.push({ ...nothing, at, what, job, inLane: true, ...row })
    return this
  }

  /** A limited job that was enqueued, taken and done. */
  paced(job: string, [from, began, to]: readonly [number, number, number], row: Partial<FlowRow> = {}): this {
    return this.step(from, 'in', job, row)
      .step(began, 'took', job, { claimedAt: began, ...row })
      .step(to, 'out', job, row)
  }

  /** A key of a limit that somebody held. */
  hold(limit: string, key: string, from: number, to: number): this {
    this.#holds.push({ limit, key, from, to })
    return this
  }

  /** An instant that the ledger knows, dealt with so much later. */
  fire(schedule: string, instant: number, outcome = 'fired', lateMs = 5, firedAt = instant + lateMs): this {
    const job = outcome === 'missed' || outcome === 'skipped' ? null : `${schedule}@${instant}`
    this.#fires.push({ schedule, instant, firedAt, lateMs, outcome, job })
    return this
  }

  printed(by: string, stream: Printed['stream'], text: string): this {
    this.#printed.push({ by, stream, text })
    return this
  }

  leftover(what: Partial<Leftovers>): this {
    this.#leftovers = { ...this.#leftovers, ...what }
    return this
  }

  undrained(): this {
    this.#drained = false
    return this
  }

  get evidence(): Evidence {
    const dump: Dump = {
      left: this.#left,
      results: this.#results,
      attempts: this.#attempts,
      effects: this.#effects,
      outside: [],
      orders: this.#orders,
      corrupt: this.#corrupt,
      flow: { flow: this.#flow, holds: this.#holds, fires: this.#fires },
      canvases: { nodes: this.#nodes, edges: this.#edges, faults: this.#faults },
    }
    return {
      entries: this.#entries.toSorted((one, other) => one.t - other.t),
      dump,
      leftovers: this.#leftovers,
      printed: this.#printed,
      secrets: ['4111-secret'],
      drained: this.#drained,
    }
  }

  judged(bounds: Partial<Bounds> = {}): Report {
    return check(this.evidence, { slackMs: 0, ...bounds })
  }

  /** What the checker says, as `I1 lost`, each once. */
  verdict(bounds: Partial<Bounds> = {}): string[] {
    const { violations } = this.judged(bounds)
    return [...new Set(violations.map(({ invariant, kind }) => `${invariant} ${kind}`))]
  }
}

/** A day without trouble: two workers, two jobs. */
export function goodDay(): Story {
  return new Story()
    .worker('a')
    .worker('b')
    .enqueued('one')
    .enqueued('two')
    .runs(10, 'a', 'one')
    .runs(10, 'b', 'two')
    .result('one', 'a', 1)
    .result('two', 'b', 1)
}

/** A job that ran in `a`, whose process was killed at 20, and again in `b`. */
export function killed(again = 2_000): Story {
  return new Story()
    .worker('a')
    .worker('b')
    .enqueued('j')
    .start(10, 'a', 'j', 1)
    .done(20, 'kill9', 'a')
    .exit(21, 'a', null)
    .attempt(again - 50, 'j', 'a', 1, 'lost')
    .start(again, 'b', 'j', 3, { a: 2 })
    .end(again + 10, 'b', 'j', 3)
    .settled(again + 11, 'b', 'j', 2)
    .result('j', 'b', 3, { attempt: 2, losses: 1 })
}
