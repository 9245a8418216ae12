import { CeleriacError } from '../base/errors.ts'
import { type ClaimedGroup, type ClaimedRow, type TurnAnswer, workCycle } from '../db/calls/work-cycle.ts'
import type { Database } from '../db/database.ts'
import { faultOf } from '../db/fault.ts'
import type { Bus } from '../event/bus.ts'
import type { Registry } from '../task/registry.ts'
import { Alarm } from './alarm.ts'
import { announceClaim, announceOutcome, factsOf } from './announce.ts'
import { Aside } from './aside.ts'
import { Attempt, type AttemptHost } from './attempt.ts'
import { cancel, type Done, type ExecuteContext, endWithoutHandler, execute, givenUp } from './execute.ts'
import { Floors } from './floors.ts'
import type { Gate } from './gate.ts'
import { Judging } from './judging.ts'
import type { ResolvedWorkerOptions } from './options.ts'
import type { Outcome, OutcomeToSettle } from './outcome.ts'
import { Outcomes, Settlement } from './outcomes.ts'
import { Pace } from './pace.ts'
import { Pause } from './pause.ts'
import type { Pulse } from './pulse.ts'
import { ReadyLine } from './ready-line.ts'
import { Reconcile } from './reconcile.ts'
import { sanitise } from './sanitise.ts'
import { Sleep } from './sleep.ts'
import { Turns } from './turns.ts'

/** What the cycle needs of its worker. */
export interface CycleHost extends AttemptHost {
  readonly database: Database
  readonly registry: Registry
  readonly bus: Bus
  readonly execute: ExecuteContext
  /** What a job has to pass before it begins. */
  readonly gate: Gate
  /** Whether notifications arrive. */
  readonly hearing: () => boolean
  /** Counters the guard looks at. */
  readonly pulse: Pulse
  /** The worker was declared dead. */
  readonly evicted: () => void
  /** Nothing can be done here any more, such as when the schema is gone. */
  readonly fatal: (error: unknown) => void
  /** Stores the last progress of an attempt before it is settled; null when there is nothing to store. */
  readonly lastReport: (attempt: Attempt) => Promise<void> | null
  /** Jobs are settled for good; `listenedTo`: some process waits for results. */
  readonly settled: (jobIds: readonly string[], listenedTo: boolean) => void
  /** A job went back to its queue. @param runAtUs - from when on it is due, in µs since 1970 by the database's clock */
  readonly returned: (queue: string, runAtUs: bigint) => void
  /** Says that the worker is about to sleep; resolves when others can know. */
  readonly announceIdle: () => Promise<void>
}

/** Calls under way at once: while one waits for the server the other is read, run and written. */
const LANES = 2
/** A job that was claimed ahead and has not begun after this long goes back for others. */
const STALE_MS = 250
/** How long handlers are begun one after the other before the event loop gets its turn. */
const YIELD_MS = 10
/** A schema that is not there this many times in a row is not just being replaced. */
const FATAL_FAILURES = 3

/**
 * The heart of a worker: settles what has finished and claims what may run next, in one call to the database, for as
 * long as there is something to do; then sleeps until a hint, a timer or a finished job wakes it.
 *
 *   claimed ──► ready ──► running ──► outcomes ──► settled
 *      ▲          (slots)    (execute)               │
 *      └──────────────── one call ◄──────────────────┘
 */
export class Cycle {
  readonly #host: CycleHost
  readonly #options: ResolvedWorkerOptions
  readonly #floors: Floors
  readonly #turns: Turns
  readonly #pace: Pace
  readonly #outcomes = new Outcomes()
  readonly #running = new Map<string, Attempt>()
  readonly #ready = new ReadyLine()
  readonly #aside = new Aside()
  readonly #pause = new Pause()
  readonly #reconcile: Reconcile
  /** Claimed, and not yet known to have passed their limits. */
  readonly #judging: Judging
  /** Outcomes in calls under way. */
  readonly #sent = new Set<Settlement>()
  readonly #alarm = new Alarm(() => this.wake())
  readonly #sleep: Sleep
  /** Wake-ups so far: one that comes while a look is under way may be for a job that the look has not seen. */
  #wakes = 0
  #lanes = 0
  /** Jobs asked for by calls under way. */
  #asked = 0
  #scheduled = false
  #starting = false
  /** Whether there may be due jobs. */
  #hungry = true
  /** A look came back short, so a full one should follow. */
  #short = false
  #claiming = true
  /** Nothing is sent and nothing begins: the worker has not entered, or has to enter anew. */
  #suspended = true
  /** Stopped for good: what could not be settled by now is for others to rescue. */
  #over = false
  /** The database has been out of reach for so long that others may soon take what this worker holds. */
  #fenced = false
  #killable = 0
  #nextDueAt = Number.POSITIVE_INFINITY
  readonly #drained: (() => void)[] = []
  readonly #landed: (() => void)[] = []
  /** By how much the database's clock is ahead of ours, as of the last answer. */
  #clockAheadMs = 0
  #budget = Number.POSITIVE_INFINITY
  #started = 0

  constructor(options: ResolvedWorkerOptions, host: CycleHost) {
    this.#host = host
    this.#options = options
    this.#turns = new Turns(options)
    this.#floors = new Floors(this.#turns.names)
    this.#pace = new Pace(options.concurrency)
    this.#sleep = new Sleep(host.announceIdle)
    this.#reconcile = new Reconcile(host, () => this.#heldIds())
    this.#judging = new Judging(host.gate, host.execute, {
      passed: (attempt, tagged) => this.#admit(attempt, tagged),
      held: (attempt, outcome) => this.#turnAway(attempt, outcome),
    })
  }

  get running(): number {
    return this.#running.size
  }

  /** Attempts this worker holds: running, ready to run, or finished and not yet settled. */
  get held(): number {
    return (
      this.#running.size + this.#ready.count + this.#judging.size + this.#outcomes.size + this.#aside.size
    )
  }

  /** Jobs whose handler was called so far. */
  get started(): number {
    return this.#started
  }

  /** Whether it sleeps: nothing is due as far as it knows. */
  get idle(): boolean {
    return this.#sleep.asleep
  }

  /** Whether it slept since this was last asked; for the heartbeat. */
  takeSlept(): boolean {
    return this.#sleep.takeSlept()
  }

  /** A heartbeat was written with that answer. */
  beaten(slept: boolean): void {
    if (this.#sleep.beaten(slept)) this.wake()
  }

  /** Attempts that have run for at least this long, for the heartbeat to ask about. */
  attemptsOlderThan(ms: number, most: number): { id: string; token: number }[] {
    const before = performance.now() - ms
    const attempts: { id: string; token: number }[] = []
    for (const attempt of this.#running.values()) {
      if (attempt.startedAt > before || attempts.length >= most) break
      attempts.push({ id: attempt.id, token: attempt.token })
    }
    return attempts
  }

  /** Those of these jobs that it holds and that are not finished. */
  attemptsOf(jobIds: readonly string[]): { id: string; token: number }[] {
    return jobIds.flatMap((jobId) => this.#find(jobId) ?? []).map(({ id, token }) => ({ id, token }))
  }

  start(): void {
    this.#suspended = false
    this.wake()
  }

  /** Claims at most this many jobs from now on. */
  limit(jobs: number): void {
    this.#budget = jobs
  }

  /** The queues it claims from. */
  get queues(): readonly string[] {
    return this.#turns.names
  }

  /** Whether queues may join that nobody knows of yet. */
  get isOpen(): boolean {
    return this.#turns.isOpen
  }

  /** Takes in queues that fit its patterns; returns whether there was a new one. */
  admit(queues: readonly string[]): boolean {
    if (!this.#turns.admit(queues)) return false
    this.#floors.admit(this.#turns.names)
    if (!this.#suspended) this.wake()
    return true
  }

  /** A job may be due from an instant on, given in µs since 1970. */
  wakeFor(queue: string, runAtUs: bigint): void {
    if (!this.#turns.names.includes(queue) && !this.admit([queue])) return
    this.#floors.lower(queue, runAtUs)
    const inMs = Number(runAtUs / 1000n) - (Date.now() + this.#clockAheadMs)
    // A look too early comes back with the right time to look again.
    if (inMs > 1_000) this.#alarm.set(performance.now() + inMs)
    else this.wake()
  }

  /** Looks for work now. */
  wake(): void {
    this.#hungry = true
    this.#wakes += 1
    this.#sleep.wake()
    this.#schedule()
  }

  /** A job this worker holds is asked to be cancelled; one that has not begun never will. */
  cancel(jobId: string, reason: string): void {
    const attempt = this.#running.get(jobId)
    if (attempt !== undefined) {
      cancel(attempt, reason, this.#host.execute, this.#done)
      return
    }
    const unstarted = this.#ready.remove(jobId) ?? this.#judging.remove(jobId)
    if (unstarted?.end() !== true) return
    this.#outcomes.add(unstarted, { kind: 'cancelled', reason })
    this.#schedule()
  }

  /**
   * A job this worker runs, or is about to, is not its own any more: abort it and forget it.
   *
   * @param token - of the attempt that is meant; null for whichever runs
   */
  lose(jobId: string, token: number | null): void {
    const attempt = this.#find(jobId)
    // A later attempt of the same job may run here by now.
    if (attempt === undefined || (token !== null && attempt.token !== token)) return
    // Settled in a transaction of its handler's, it looks lost; whether it is shows when the handler has ended.
    if ((token !== null && attempt.completion?.sealed === true) || !attempt.end()) return
    if ((this.#ready.remove(jobId) ?? this.#judging.remove(jobId)) === undefined) this.#leave(attempt)
    attempt.abort(new CeleriacError('LEASE_LOST', { jobId, attempt: attempt.attempt }))
    this.#host.bus.emit('job:lost', factsOf(attempt))
    this.#schedule()
  }

  #find(jobId: string): Attempt | undefined {
    return this.#running.get(jobId) ?? this.#ready.find(jobId) ?? this.#judging.find(jobId)
  }

  #loseAll(): void {
    for (const id of [...this.#running.keys()]) this.lose(id, null)
    this.#ready.takeAll()
    this.#judging.takeAll()
    while (this.#outcomes.take() !== undefined);
    this.#aside.take(Number.POSITIVE_INFINITY)
  }

  /**
   * Everything it holds is not its own any more; nothing is sent or begun until `resume()`.
   *
   * @returns once no call is under way: whatever such a call claimed is in the table by then, and nowhere else
   */
  async abandon(): Promise<void> {
    this.#suspended = true
    this.#loseAll()
    if (this.#lanes > 0) await new Promise<void>((resolve) => this.#landed.push(resolve))
    this.#loseAll()
  }

  /** Goes on, in a new life. */
  resume(): void {
    this.#suspended = false
    this.#fenced = false
    this.#sleep.beaten(false)
    this.wake()
  }

  /** Begins nothing and claims nothing; asks handlers to give way whose jobs others may soon run. */
  fence(): void {
    this.#fenced = true
    this.#releaseReady()
    for (const attempt of this.#running.values()) {
      if (attempt.definition.options.onUnreachable === 'continue') continue
      attempt.abort(new CeleriacError('UNREACHABLE', { jobId: attempt.id }))
    }
  }

  unfence(): void {
    this.#fenced = false
    this.wake()
  }

  /** The database answers again: there is no reason to wait any longer. */
  reconnected(): void {
    this.#pause.end()
    this.wake()
  }

  /** Claims nothing more, and gives back what has not begun. */
  stopClaiming(): void {
    this.#claiming = false
    this.#releaseReady()
    this.#schedule()
  }

  /** Aborts every running handler; those that give way are released, what they would have returned still counts. */
  abortAll(reason: unknown): void {
    for (const attempt of this.#running.values()) attempt.abort(reason)
  }

  /** Gives back what still runs: its handler is fenced from now on. */
  releaseAll(): void {
    for (const attempt of [...this.#running.values()]) {
      endWithoutHandler(attempt, givenUp(attempt), this.#done)
    }
  }

  /** Resolves when nothing runs and everything is settled. */
  whenEmpty(): Promise<void> {
    if (this.held === 0 && this.#lanes === 0) return Promise.resolve()
    return new Promise((resolve) => this.#drained.push(resolve))
  }

  /** Sends nothing more, whatever is left. */
  stop(): void {
    this.#claiming = false
    this.#over = true
    this.#alarm.clear()
  }

  /** One pass per turn of the event loop: whatever finished within it is settled together. */
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#pass()
    })
  }

  #pass(): void {
    if (this.#lanes === 0) for (const resolve of this.#landed.splice(0)) resolve()
    if (this.#suspended || this.#over) {
      if (this.#over) this.#alarm.clear()
      this.#tellDrained()
      return
    }
    this.#startReady()
    const now = performance.now()
    if (now < this.#pause.until) {
      this.#alarm.set(this.#pause.until)
      return
    }
    if (this.#reconcile.due(now) && this.#asked === 0 && !this.#reconcile.running) void this.#compare()
    if (this.#aside.size > 0) this.#outcomes.putBack(...this.#aside.take(now))
    while (this.#lanes < LANES) {
      const wanted = this.#wanted(now)
      if (this.#outcomes.size === 0 && wanted === 0) break
      void this.#turn(wanted)
    }
    this.#tellDrained()
  }

  #tellDrained(): void {
    if (this.held > 0 || this.#lanes > 0) return
    for (const resolve of this.#drained.splice(0)) resolve()
  }

  #wanted(now: number): number {
    if (!this.#claiming || !this.#hungry || this.#fenced || this.#outcomes.full) return 0
    if (this.#reconcile.running || this.#reconcile.due(now)) return 0
    if (this.#host.registry.runnable().length === 0) return 0
    const held = this.#running.size + this.#ready.count + this.#judging.size + this.#asked
    const wanted = Math.min(this.#pace.wanted(held, this.#oldestMs(now)), this.#budget - this.#asked)
    if (wanted <= 0 || (this.#asked > 0 && !this.#mayOverlap(wanted))) return 0
    return wanted
  }

  /**
   * Whether to claim while a claim is under way. Two answers may come in the other order, which a worker that runs one
   * job at a time is there to prevent; and asking for a few at a time would only multiply the calls.
   */
  #mayOverlap(wanted: number): boolean {
    const { concurrency } = this.#options
    return concurrency > 1 && wanted >= concurrency / 2
  }

  #oldestMs(now: number): number {
    if (this.#running.size < this.#options.concurrency) return 0
    for (const attempt of this.#running.values()) return now - attempt.startedAt
    return 0
  }

  async #turn(wanted: number): Promise<void> {
    const settlement = this.#outcomes.take() ?? new Settlement()
    const begun = performance.now()
    const full = wanted > 0 && this.#floors.mayLookFully(begun, this.#short)
    const { epoch } = this.#floors
    const wakes = this.#wakes
    if (full) this.#floors.lookedFully(begun, 0)
    this.#lanes += 1
    this.#asked += wanted
    this.#sent.add(settlement)
    try {
      const answer = await workCycle(this.#host.database, {
        workerId: this.#host.worker.id,
        successes: settlement.successes,
        others: settlement.others,
        tasks: tasksLiteral(this.#host.registry),
        wanted,
        looks: wanted === 0 ? [] : this.#floors.looks(this.#turns.next(), full),
      })
      if (full) this.#floors.lookedFully(performance.now(), performance.now() - begun)
      this.#pause.end()
      this.#clockAheadMs = answer.nowMs - Date.now()
      const judged = answer.settings === this.#host.gate.version || (await this.#follow(answer.settings))
      this.#accept(answer, settlement, judged)
      // What it has opened nobody has looked for yet.
      if (wanted === 0 && settlement.opens) this.wake()
      if (wanted > 0) this.#learn(answer, { wanted, full, epoch, wakes })
    } catch (error) {
      this.#refused(error, settlement, wanted > 0)
    } finally {
      this.#lanes -= 1
      this.#asked -= wanted
      this.#sent.delete(settlement)
      this.#startReady()
      this.#schedule()
    }
  }

  /** Settled and claimed: tell, and make the claimed ready. */
  #accept(answer: TurnAnswer, settlement: Settlement, judged: boolean): void {
    const lost = answer.lost.length === 0 ? null : new Set(answer.lost)
    if (settlement.size > 0) this.#announceSettled(settlement, lost, answer.listenedTo)
    if (settlement.size === 1) this.#aside.forget(settlement)
    if (!answer.alive) this.#host.evicted()
    for (const group of answer.groups) {
      this.#budget -= group.jobs.length
      for (const row of group.jobs) this.#enter(row, group, answer)
    }
    if (!judged) this.#releaseReady()
  }

  /** Whether the settings are known now: nothing begins by old ones. */
  async #follow(version: number): Promise<boolean> {
    try {
      await this.#host.gate.follow(version)
      return true
    } catch (error) {
      this.#host.bus.emit('error', { during: 'reading settings', error })
      this.#pause.failed(false)
      return false
    }
  }

  #enter(row: ClaimedRow, group: ClaimedGroup, answer: TurnAnswer): void {
    const definition = this.#host.registry.get(row[3])
    if (definition === undefined) return
    const place = { queue: group.queue, priority: group.priority, claimedAtMs: answer.nowMs }
    const attempt = new Attempt(definition, row, place, this.#host)
    if (attempt.takesInput) attempt.askForInput(this.#host.execute.inputs)
    this.#judging.judge(attempt, answer.tagged)
  }

  #admit(attempt: Attempt, tagged: boolean): void {
    this.#ready.add({ attempt, tagged })
    if (!this.#claiming) this.#releaseReady()
    announceClaim(this.#host.bus, attempt)
    this.#schedule()
  }

  /** Claimed and not to be begun: it has limits to pass yet, or cannot say which. */
  #turnAway(attempt: Attempt, outcome: OutcomeToSettle): void {
    if (!attempt.end()) return
    this.#budget += 1
    this.#hungry = true
    this.#outcomes.add(attempt, outcome)
    this.#schedule()
  }

  #learn(
    answer: TurnAnswer,
    { wanted, full, epoch, wakes }: { wanted: number; full: boolean; epoch: number; wakes: number },
  ): void {
    this.#floors.learn(answer.groups, epoch)
    const taken = answer.groups.reduce((sum, group) => sum + group.jobs.length, 0)
    if (taken >= wanted || epoch !== this.#floors.epoch || wakes !== this.#wakes) {
      this.#short = false
      return
    }
    this.#nextDueAt =
      answer.nextDueMs === null
        ? Number.POSITIVE_INFINITY
        : performance.now() + Math.max(1, Math.ceil(answer.nextDueMs))
    if (full) {
      this.#short = false
      this.#hungry = false
      this.#fallAsleep()
      return
    }
    this.#short = true
    const now = performance.now()
    if (this.#floors.mayLookFully(now, true)) return
    this.#hungry = false
    this.#alarm.set(Math.min(this.#floors.nextFullAt(true), this.#nextDueAt))
  }

  /** Sleeps until the next job is due, or for as long as a lost notification may cost. */
  #fallAsleep(): void {
    const poll = this.#host.hearing() ? this.#options.pollMs : this.#options.deafPollMs
    this.#alarm.set(Math.min(performance.now() + poll * (0.9 + Math.random() * 0.2), this.#nextDueAt))
    void this.#sleep.begin((atLatest) => {
      this.wake()
      this.#alarm.set(atLatest)
    })
  }

  /** What could not be settled is kept, apart from what hinders it. */
  #refused(error: unknown, settlement: Settlement, claimed: boolean): void {
    const fault = faultOf(error)
    // Anything the server answered was undone by it; only silence leaves a doubt.
    if (claimed && (fault === 'connection' || fault === 'other')) this.#reconcile.doubt()
    const divides = fault !== 'connection' && fault !== 'schema' && settlement.size > 0
    if (!divides) this.#outcomes.putBack(settlement)
    else if (settlement.size > 1) this.#outcomes.putBack(...settlement.halves())
    else if (fault === 'content') this.#sanitise(settlement, error)
    else this.#aside.add(settlement)
    this.#pause.failed(divides)
    this.#alarm.set(Math.min(this.#pause.until, this.#aside.nextAt))
    this.#host.bus.emit('error', { during: 'settling and claiming', error })
    if (fault === 'schema' && this.#pause.failures >= FATAL_FAILURES) this.#host.fatal(error)
  }

  /** One outcome the server does not take, whatever it is: the job fails with that, rather than stay for ever. */
  #sanitise({ entries: [entry] }: Settlement, error: unknown): void {
    if (entry === undefined || entry.outcome.kind === 'released') return
    this.#outcomes.add(entry.attempt, sanitise(entry.outcome, error))
  }

  async #compare(): Promise<void> {
    try {
      await this.#reconcile.run()
    } catch (error) {
      this.#pause.failed(false)
      this.#host.bus.emit('error', { during: 'giving back jobs', error })
    } finally {
      this.#schedule()
    }
  }

  #heldIds(): ReadonlySet<string> {
    const settling: Settlement[] = []
    for (let next = this.#outcomes.take(); next !== undefined; next = this.#outcomes.take())
      settling.push(next)
    this.#outcomes.putBack(...settling)
    return new Set([
      ...this.#running.keys(),
      ...this.#ready.ids(),
      ...this.#judging.ids(),
      ...this.#aside.ids(),
      ...[...settling, ...this.#sent].flatMap(({ entries }) => entries.map(({ attempt }) => attempt.id)),
    ])
  }

  #startReady(): void {
    if (this.#starting || this.#suspended || this.#fenced || this.#host.pulse.fenced) return
    this.#starting = true
    const begun = performance.now()
    while (this.#running.size < this.#options.concurrency && !this.#outcomes.full) {
      const next = this.#ready.next()
      if (next === undefined) break
      this.#running.set(next.attempt.id, next.attempt)
      if (next.attempt.definition.options.onUnreachable === 'kill') this.#killable += 1
      this.#host.pulse.show(this.#running.size, this.#killable)
      this.#started += 1
      execute(next.attempt, next.tagged, this.#host.execute, this.#done)
      // Handlers that never wait would keep everything else waiting, settling and heartbeats too.
      if (next.attempt.startedAt - begun > YIELD_MS) {
        this.#schedule()
        break
      }
    }
    this.#starting = false
    if (this.#ready.count > 0) this.#giveBackStale()
  }

  /** Claimed ahead because handlers were quick, and now they are not. */
  #giveBackStale(): void {
    const left = STALE_MS - this.#ready.waitedMs
    if (left <= 0) this.#releaseReady()
    else this.#alarm.set(performance.now() + left)
  }

  #releaseReady(): void {
    const unstarted = this.#ready.takeAll()
    this.#budget += unstarted.length
    for (const { attempt } of unstarted) {
      if (attempt.end()) this.#outcomes.add(attempt, { kind: 'released' })
    }
    if (unstarted.length > 0) this.#schedule()
  }

  readonly #done: Done = (attempt: Attempt, outcome: Outcome): void => {
    const storing = this.#host.lastReport(attempt)
    if (storing === null) this.#finish(attempt, outcome)
    else void storing.then(() => this.#finish(attempt, outcome))
  }

  #finish(attempt: Attempt, outcome: Outcome): void {
    if (this.#running.get(attempt.id) !== attempt) return
    this.#leave(attempt)
    this.#pace.learn(performance.now() - attempt.startedAt)
    // What was settled in a transaction of the handler's needs only be told.
    if (outcome.kind === 'settled') this.#tellSettled(attempt, outcome)
    else this.#outcomes.add(attempt, outcome)
    // What a node opens, or takes the place of one from a lane, may be claimed in the very call that settles it.
    if (attempt.isNode || attempt.inLane) this.#hungry = true
    // The next one begins at once; settling waits for the end of this turn of the event loop and takes all together.
    if (this.#ready.count > 0) this.#startReady()
    this.#schedule()
  }

  #tellSettled(attempt: Attempt, outcome: Extract<Outcome, { kind: 'settled' }>): void {
    announceOutcome(this.#host.bus, attempt, outcome)
    this.#host.settled([attempt.id], outcome.listenedTo)
  }

  #leave(attempt: Attempt): void {
    this.#running.delete(attempt.id)
    if (attempt.definition.options.onUnreachable === 'kill') this.#killable -= 1
    this.#host.pulse.show(this.#running.size, this.#killable)
  }

  #announceSettled(settlement: Settlement, lost: ReadonlySet<string> | null, listenedTo: boolean): void {
    const settled: string[] = []
    for (const { attempt, outcome } of settlement.entries) {
      if (lost?.has(attempt.id) === true) {
        this.#host.bus.emit('job:lost', factsOf(attempt))
        continue
      }
      // It waits in its lane, and whoever sleeps was told.
      if (outcome.kind === 'held') continue
      const returnsInMs = announceOutcome(this.#host.bus, attempt, outcome)
      if (returnsInMs === null) settled.push(attempt.id)
      else this.#returned(attempt.queue, returnsInMs, outcome.kind === 'released')
    }
    if (settled.length > 0) this.#host.settled(settled, listenedTo)
  }

  /** A job went back to its queue: for others to know, and for us to be awake when it is due. */
  #returned(queue: string, delayMs: number, released: boolean): void {
    if (released) this.#floors.lower(queue, 0n)
    const dueMs = Date.now() + this.#clockAheadMs + delayMs
    this.#host.returned(queue, released ? 0n : BigInt(Math.round(dueMs)) * 1000n)
    const dueAt = performance.now() + Math.max(1, delayMs + 1)
    if (dueAt < this.#nextDueAt) {
      this.#nextDueAt = dueAt
      if (!this.#hungry) this.#alarm.set(dueAt)
    }
  }
}

let literalOf: { readonly names: readonly string[]; readonly text: string } | null = null

/** Names of tasks as an array literal; they hold no quotes. The same list gives the same text. */
function tasksLiteral(registry: Registry): string {
  const names = registry.runnable()
  if (literalOf?.names !== names)
    literalOf = { names, text: `{${names.map((name) => `"${name}"`).join(',')}}` }
  return literalOf.text
}
