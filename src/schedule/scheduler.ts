/*
 * schedule: turns instants into jobs. A rule and what was planned last say when the next instant is (rule, cron, due);
 * the row keeps it, and whoever comes first fires it (scheduler, fire_schedules.sql): there is no leader, and two that
 * want the same cannot both have it. Code declares schedules (declarations), people make and change them (schedules).
 */
import { CeleriacError, isCeleriacError } from '../base/errors.ts'
import {
  breakSchedule,
  type Due,
  type DueSchedule,
  type Fire,
  type Fired,
  type FireTick,
  fireSchedules,
  readSchedules,
} from '../db/calls/schedule.ts'
import type { Database } from '../db/database.ts'
import { faultOf } from '../db/fault.ts'
import type { Listener } from '../db/listener.ts'
import type { Bus } from '../event/bus.ts'
import type { Waker } from '../job/waker.ts'
import type { Registry } from '../task/registry.ts'
import { Agreement } from './agreement.ts'
import { type ArgsWriter, type Declarations, writeArgs } from './declarations.ts'
import { planOf } from './due.ts'
import { type ShapeMaker, scheduledShape } from './shape.ts'

/** What a scheduler needs of its app. */
export interface SchedulerOptions extends ArgsWriter, ShapeMaker {
  /** Connections that handlers cannot use up. */
  readonly database: Database
  readonly listener: Listener
  readonly waker: Waker
  readonly bus: Bus
  readonly registry: Registry
  readonly declarations: Declarations
}

const RHYTHM = {
  /** Looks at least this often, whoever says what. */
  idleMs: 30_000,
  /** The same while notifications do not arrive. */
  deafMs: 1_000,
  /** Who has not fired last time lets the one that has go first. */
  courtesyMs: 25,
  firstPauseMs: 10,
  mostPauseMs: 1_000,
} as const

const MOST_AT_ONCE = 200

/** Fires what is due for as long as a worker of its app runs. */
export class Scheduler {
  readonly #options: SchedulerOptions
  readonly #workers = new Set<() => string>()
  readonly #agreement: Agreement
  #timer: NodeJS.Timeout | undefined
  #unsubscribe: (() => void) | undefined
  #looking: Promise<void> | undefined
  #again = false
  /** Whether the last thing that was due here was fired here. */
  #leads = false
  /** Schedules whose args are being made: however long that takes, the others go on. */
  readonly #making = new Set<string>()
  /** Looks in a row that found something due and could fire nothing. */
  #fruitless = 0

  constructor(options: SchedulerOptions) {
    this.#options = options
    this.#agreement = new Agreement(options)
  }

  /** @throws {CeleriacError} `ARGS_REJECTED`, `JSON_…` for args of a declared schedule that its task does not take */
  async check(): Promise<void> {
    await this.#options.declarations.write(this.#options)
  }

  /**
   * Works on behalf of a worker, too, from now on: what its code declares is there when this resolves.
   *
   * @param worker - its present id
   * @returns the function that takes it back
   */
  async enter(worker: () => string): Promise<() => void> {
    this.#workers.add(worker)
    this.#unsubscribe ??= this.#options.listener.subscribe({
      schedules: () => this.#wake(),
      hearing: () => this.#wake(),
    })
    this.#wake()
    // A look that was under way knew nothing of this worker; the one after it does.
    for (let looks = 0; looks < 2; looks += 1) await this.#looking
    return () => {
      this.#workers.delete(worker)
      if (this.#workers.size > 0) return
      clearTimeout(this.#timer)
      this.#unsubscribe?.()
      this.#unsubscribe = undefined
    }
  }

  /** More was declared. */
  changed(): void {
    this.#wake()
  }

  /** Looks now; what comes while it looks is looked at afterwards. */
  #wake(): void {
    if (this.#workers.size === 0) return
    clearTimeout(this.#timer)
    if (this.#looking !== undefined) {
      this.#again = true
      return
    }
    this.#looking = this.#look().finally(() => {
      this.#looking = undefined
      if (!this.#again) return
      this.#again = false
      this.#wake()
    })
  }

  async #look(): Promise<void> {
    const { bus, listener } = this.#options
    let pauseMs: number
    try {
      await this.#agreement.keep([...this.#workers].map((worker) => worker()))
      const idleMs = listener.hearing ? RHYTHM.idleMs : RHYTHM.deafMs
      pauseMs = Math.min(await this.#fireDue(), idleMs, this.#agreement.untilJudgedMs)
    } catch (error) {
      // Whatever is overdue: what fails at once would fail as fast again.
      pauseMs = RHYTHM.mostPauseMs
      if (this.#workers.size > 0) bus.emit('error', { during: 'firing schedules', error })
    }
    if (this.#workers.size === 0) return
    this.#timer = setTimeout(() => this.#wake(), pauseMs).unref()
  }

  /** Fires until nothing is due; returns for how long nothing will be, in ms. */
  async #fireDue(): Promise<number> {
    const { database, registry, declarations } = this.#options
    for (;;) {
      const tasks = registry.runnable()
      if (tasks.length === 0) return Number.POSITIVE_INFINITY
      const lazy = declarations.lazy.filter((name) => !this.#making.has(name))
      const found = await readSchedules(database, tasks, lazy, MOST_AT_ONCE)
      const untilNext = found.next === null ? Number.POSITIVE_INFINITY : found.next - found.now
      if (found.due.length === 0) {
        // A timer may go off a moment early; the next look would only find that out.
        return Math.max(1, untilNext + 1 + (this.#leads ? 0 : Math.random() * RHYTHM.courtesyMs))
      }
      const taken = await this.#fire(found)
      this.#leads = taken
      this.#fruitless = taken ? 0 : this.#fruitless + 1
      if (taken) continue
      // Others fire it, or hold it in a transaction: as long as they do, there is no hurry.
      const pause = Math.min(RHYTHM.mostPauseMs, RHYTHM.firstPauseMs * 2 ** this.#fruitless)
      return Math.min(Math.max(1, untilNext + 1), pause * (0.5 + Math.random() / 2))
    }
  }

  /** Whether anything was still there to fire. */
  async #fire({ now, due }: Due): Promise<boolean> {
    const fires: Fire[] = []
    let broken = false
    for (const schedule of due) {
      if (schedule.lazy) {
        void this.#fireLazy(schedule, now)
        continue
      }
      try {
        fires.push(this.#prepare(schedule, now, () => schedule.args))
      } catch (error) {
        broken = (await this.#break(schedule, error)) || broken
      }
    }
    if (fires.length === 0) return broken || due.some(({ lazy }) => lazy)
    try {
      return this.#fired(await fireSchedules(this.#options.database, fires), fires, due, now) || broken
    } catch (error) {
      if (fires.length > 1 && isAboutOne(error)) return (await this.#fireEach(fires, due, now)) || broken
      return this.#refused(error, due)
    }
  }

  /** One of many is to blame, and the others are not to wait for it. */
  async #fireEach(fires: readonly Fire[], due: readonly DueSchedule[], now: number): Promise<boolean> {
    let taken = false
    for (const fire of fires) {
      const own = due.filter(({ name }) => name === fire.name)
      try {
        taken = this.#fired(await fireSchedules(this.#options.database, [fire]), [fire], own, now) || taken
      } catch (error) {
        taken = (await this.#refused(error, own)) || taken
      }
    }
    return taken
  }

  async #refused(error: unknown, due: readonly DueSchedule[]): Promise<boolean> {
    const [schedule] = due
    if (schedule === undefined || due.length > 1 || !isAboutOne(error)) throw error
    return this.#break(schedule, error)
  }

  /** Fires one whose args a function makes. When that fails, the instant stays due and is tried again. */
  async #fireLazy(schedule: DueSchedule, now: number): Promise<void> {
    const { database, registry, declarations, bus } = this.#options
    const { name } = schedule
    this.#making.add(name)
    let pauseMs = 0
    try {
      const task = registry.get(schedule.task)
      const make = declarations.maker(name)
      if (task === undefined || make === null) return
      const made = new Map<number, unknown>()
      for (const { at, fires } of planOf(schedule, now).ticks) {
        if (!fires) continue
        const args = (await make(new Date(at))) as readonly unknown[]
        made.set(at, await writeArgs(task, args, this.#options))
      }
      const fire = this.#prepare(schedule, now, (at) => made.get(at))
      this.#fired(await fireSchedules(database, [fire]), [fire], [schedule], now)
    } catch (error) {
      pauseMs = RHYTHM.mostPauseMs
      if (this.#workers.size > 0) bus.emit('error', { during: `firing schedule "${name}"`, error })
    }
    setTimeout(() => {
      this.#making.delete(name)
      this.#wake()
    }, pauseMs).unref()
  }

  #prepare(schedule: DueSchedule, now: number, argsAt: (at: number) => unknown): Fire {
    const { registry } = this.#options
    const { name, version, jitterMs, options } = schedule
    const task = registry.get(schedule.task)
    if (task === undefined) {
      throw new CeleriacError('TASK_UNKNOWN', { task: schedule.task, hint: registry.hintFor(schedule.task) })
    }
    const { ticks, next } = planOf(schedule, now)
    const prepared = ticks.map(({ at, fires }): FireTick => {
      if (!fires) return { at }
      const args = argsAt(at)
      const lateMs = Math.floor(Math.random() * jitterMs)
      const shape = scheduledShape({ task, options, args, stamp: [name, at], lateMs }, this.#options)
      return { at, job: [shape, args] }
    })
    return { name, version, next, ticks: prepared }
  }

  #fired(
    { taken, ticks, asleep, earliestUs }: Fired,
    fires: readonly Fire[],
    due: readonly DueSchedule[],
    now: number,
  ): boolean {
    const { bus, waker } = this.#options
    const schedules = new Map(due.map((schedule) => [schedule.name, schedule]))
    const queues = new Set(asleep)
    for (const { name, at, outcome, jobId } of ticks) {
      const schedule = schedules.get(name)
      if (schedule === undefined) continue
      const queue = queueOf(fires, name, at)
      if (jobId !== null && queue !== null) queues.add(queue)
      bus.emit('schedule:fired', {
        schedule: name,
        task: schedule.task,
        instant: new Date(at),
        outcome,
        jobId,
        lateMs: now - at,
      })
    }
    if (ticks.some(({ jobId }) => jobId !== null)) waker.enqueued(queues, { refused: [], asleep, earliestUs })
    return taken.length > 0
  }

  async #break(schedule: DueSchedule, error: unknown): Promise<boolean> {
    const { database, bus } = this.#options
    const message = error instanceof Error ? error.message : String(error)
    const broken = await breakSchedule(database, schedule, message)
    if (broken) bus.emit('schedule:broken', { schedule: schedule.name, task: schedule.task, error })
    return broken
  }
}

/** Whether it may be the fault of one schedule, and would be the next time. */
function isAboutOne(error: unknown): boolean {
  return faultOf(error) === 'content' || isCeleriacError(error, 'OPTION_INVALID')
}

/** Where a job was put. */
function queueOf(fires: readonly Fire[], name: string, at: number): string | null {
  const shape = fires.find((fire) => fire.name === name)?.ticks.find((tick) => tick.at === at)?.job?.[0]
  const queue: unknown = shape === undefined ? null : Reflect.get(shape, 'queue')
  return typeof queue === 'string' ? queue : null
}
