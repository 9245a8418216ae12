/*
 * What a worker does by itself: its calls, its handlers, its heartbeats and its fence (src/guard/sentry.ts), and the new
 * life of one that was declared dead.
 */
import { claims, compares, evict, serverSide, settles, step } from './moves-of-calls.ts'
import type { Rules } from './rules.ts'
import { takeAway } from './server.ts'
import { at, identityOf, LIVES, type Move, nameOf, nameOfJob, type Outcome, type State } from './state.ts'

type Add = (move: Move) => void

/** Steps of one worker that are no faults. */
export function movesOfWorker(state: State, index: number, rules: Rules, add: Add): void {
  const process = at(state.processes, index)
  serverSide(state, index, rules, add)
  if (process.mode === 'dead') {
    if (!process.cut)
      step(
        add,
        index,
        () => 'starts anew',
        (next) => register(next, index),
      )
    return
  }
  if (process.mode === 'frozen') return
  claims(state, index, rules, add)
  handlers(state, index, add)
  if (!process.cut) {
    settles(process, index, add)
    compares(state, index, rules, add)
    presence(state, index, rules, add)
  }
}

function handlers(state: State, index: number, add: Add): void {
  const process = at(state.processes, index)
  process.held.forEach((held, job) => {
    if (held === null) return
    const name = `${nameOfJob(job)}/${held.token}`
    if (!held.running) {
      if (!process.fenced)
        step(
          add,
          index,
          () => `begins ${name}`,
          (next) => begin(next, index, job, held.token),
        )
      return
    }
    if (process.outbox[job] !== null) return
    step(
      add,
      index,
      () => `ends ${name}`,
      (next) => end(next, index, job, { token: held.token, ending: 'done' }),
    )
    if (isHeldBy(state, index, job, held.token) && at(state.jobs, job).cancelAsked && !process.cut) {
      step(
        add,
        index,
        () => `hears that ${name} is to be cancelled`,
        (next) => end(next, index, job, { token: held.token, ending: 'cancelled' }),
      )
    }
  })
}

function begin(next: State, index: number, job: number, token: number): void {
  at(next.processes, index).held[job] = { token, running: true }
  const row = at(next.jobs, job)
  row.startedTwice ||= (row.started & (1 << token)) !== 0
  row.started |= 1 << token
}

/** The handler is over; its outcome waits to be settled. */
export function end(next: State, index: number, job: number, outcome: Omit<Outcome, 'stage'>): void {
  const process = at(next.processes, index)
  process.held[job] = null
  process.outbox[job] = { ...outcome, stage: 'waiting' }
}

function presence(state: State, index: number, rules: Rules, add: Add): void {
  const process = at(state.processes, index)
  if (process.evicted) {
    const landed =
      process.claim === null && process.giving === null && process.outbox.every((one) => one === null)
    if (landed)
      step(
        add,
        index,
        () => 'gives back all of its old life and begins a new one',
        (next) => renew(next, index, rules),
      )
    return
  }
  if (!beatMatters(state, index)) return
  step(
    add,
    index,
    () => (process.locked ? 'beats' : 'takes its lock again and beats'),
    (next) => {
      at(next.processes, index).locked = true
      at(next.processes, index).slow = false
      beat(next, index)
    },
  )
}

/** Whether a heartbeat changes anything. */
function beatMatters(state: State, index: number): boolean {
  const process = at(state.processes, index)
  const row = at(state.rows, identityOf(state, index))
  if (row.state !== 'alive' || row.old || row.stale || !process.locked || process.fenced || process.excused)
    return true
  return process.held.some((held, job) => held !== null && !isHeldBy(state, index, job, held.token))
}

function isHeldBy(state: State, index: number, job: number, token: number): boolean {
  const row = at(state.jobs, job)
  return row.place === 'running' && row.holder === identityOf(state, index) && row.token === token
}

/** A heartbeat, with its answer: whether it is known, and which of its attempts are not its own any more. */
function beat(next: State, index: number): void {
  const process = at(next.processes, index)
  const by = identityOf(next, index)
  const row = at(next.rows, by)
  if (row.state === 'lost' || row.state === 'absent') {
    evict(next, index)
    return
  }
  row.state = 'alive'
  row.old = false
  row.stale = false
  process.fenced = false
  process.excused = false
  process.held.forEach((held, job) => {
    if (held !== null && !isHeldBy(next, index, job, held.token)) process.held[job] = null
  })
}

function renew(next: State, index: number, rules: Rules): void {
  const by = identityOf(next, index)
  for (const job of next.jobs) if (job.place === 'running' && job.holder === by) takeAway(job, rules)
  register(next, index)
}

/** Enters a new life, which inherits nothing but calls that are late. */
function register(next: State, index: number): void {
  const process = at(next.processes, index)
  process.life += 1
  if (process.life >= LIVES)
    throw new Error(`${nameOf(identityOf(next, index))}: more lives than the model has`)
  Object.assign(process, {
    mode: 'up',
    locked: true,
    slow: false,
    fenced: false,
    evicted: false,
    excused: false,
    doubt: false,
  })
  const row = at(next.rows, identityOf(next, index))
  Object.assign(row, { state: 'alive', old: false, stale: false })
}

/** Nothing begins; what has not begun goes back, and handlers that can give way do. */
export function fence(next: State, index: number, rules: Rules): void {
  const process = at(next.processes, index)
  process.fenced = true
  process.held.forEach((held, job) => {
    if (held === null || (held.running && rules.onUnreachable === 'continue')) return
    if (process.outbox[job] === null) end(next, index, job, { token: held.token, ending: 'back' })
    else process.held[job] = null
  })
}
