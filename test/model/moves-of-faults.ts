/* What goes wrong, and what somebody asks for. Each of these costs one of the faults that a search allows. */
import { isFinal } from './invariants.ts'
import { end } from './moves-of-workers.ts'
import type { Rules } from './rules.ts'
import { cancel } from './server.ts'
import {
  at,
  identityOf,
  type Move,
  nameOf,
  nameOfJob,
  nameOfProcess,
  type Process,
  type Request,
  type State,
} from './state.ts'

type Add = (move: Move) => void
type Ending = 'with its request' | 'with its answer' | 'but the server has the request'

/** Faults and wishes that are possible now. */
export function movesOfFaults(state: State, rules: Rules, add: Add): void {
  if (state.faults === 0) return
  const fault = (name: () => string, make: (next: State) => void): void =>
    add({
      name: () => `! ${name()}`,
      fault: true,
      make: (next) => {
        next.faults -= 1
        make(next)
      },
    })
  state.processes.forEach((process, index) => {
    if (process.mode === 'dead') return
    ofCalls(state, index, fault)
    // When all is settled, only what somebody may still repeat or believe can go wrong.
    if (isFinal(state)) return
    ofProcess(state, index, fault)
    ofHandlers(process, index, fault)
  })
  if (isFinal(state)) return
  state.jobs.forEach((job, index) => {
    if (job.place === 'settled') return
    if (!job.cancelAsked)
      fault(
        () => `${nameOfJob(index)} is cancelled`,
        (next) => cancel(at(next.jobs, index), false),
      )
    if (job.place === 'running') {
      fault(
        () => `${nameOfJob(index)} is killed`,
        (next) => cancel(at(next.jobs, index), true),
      )
    }
  })
  fault(() => 'the database restarts', restart)
  fault(() => 'nobody reaches the database for a while', outage)
  if (rules.freshLeader && !state.fit.locks) {
    fault(
      () => 'another process starts and leads',
      (next) => {
        next.fit.locks = true
      },
    )
  }
}

type Fault = (name: () => string, make: (next: State) => void) => void

function ofProcess(state: State, index: number, fault: Fault): void {
  const process = at(state.processes, index)
  const name = nameOfProcess(index)
  const row = at(state.rows, identityOf(state, index))
  const change = (make: (mine: Process) => void) => (next: State) => make(at(next.processes, index))
  if (process.mode === 'up') {
    fault(
      () => `${name} is frozen`,
      change((mine) => {
        mine.mode = 'frozen'
      }),
    )
  }
  if (process.locked) {
    fault(
      () => `the sessions of ${name} end`,
      change((mine) => {
        mine.locked = false
      }),
    )
  }
  if (!process.cut) {
    fault(
      () => `${name} is cut off`,
      change((mine) => {
        mine.cut = true
      }),
    )
  }
  if (row.state !== 'absent') {
    // Somebody's DELETE is no promise of ours: until it hears of that, it may overlap.
    const forget = (next: State): void => {
      Object.assign(at(next.rows, identityOf(state, index)), { state: 'absent', old: false, stale: false })
      at(next.processes, index).excused = true
    }
    fault(() => `somebody deletes the row of ${nameOf(identityOf(state, index))}`, forget)
    fault(
      () => `${name} dies, and somebody deletes its row`,
      (next) => {
        forget(next)
        die(next, index, null)
      },
    )
  }
  const pending = process.late === null ? requestsOf(state, index) : []
  fault(
    () => `${name} dies`,
    (next) => die(next, index, null),
  )
  for (const request of pending) {
    fault(
      () => `${name} dies, but the server has its ${request.kind}`,
      (next) => die(next, index, request),
    )
  }
}

/** Calls of a worker that the server has not carried out. */
function requestsOf(state: State, index: number): Request[] {
  const { claim, outbox, giving } = at(state.processes, index)
  const by = identityOf(state, index)
  const requests: Request[] = claim?.stage === 'sent' ? [{ kind: 'claim', by }] : []
  outbox.forEach((outcome, job) => {
    if (outcome?.stage !== 'sent') return
    requests.push({ kind: 'settle', by, job, token: outcome.token, ending: outcome.ending })
  })
  if (giving !== null) requests.push(giving)
  return requests
}

function die(next: State, index: number, late: Request | null): void {
  const process = at(next.processes, index)
  Object.assign(process, {
    mode: 'dead',
    locked: false,
    cut: false,
    slow: false,
    fenced: false,
    evicted: false,
    excused: false,
    doubt: false,
    doubled: false,
    held: process.held.map(() => null),
    outbox: process.outbox.map(() => null),
    claim: null,
    giving: null,
    late: late ?? process.late,
  })
}

/** A call that the worker gives up: before the server had it, while it has it, or when only the answer is missing. */
function ofCalls(state: State, index: number, fault: Fault): void {
  const process = at(state.processes, index)
  if (process.mode !== 'up') return
  const name = nameOfProcess(index)
  const by = identityOf(state, index)
  const lose = (
    what: string,
    how: Ending,
    give: (mine: Process) => void,
    late: Request | null = null,
  ): void =>
    fault(
      () => `${name} loses ${what} ${how}`,
      (next) => {
        const mine = at(next.processes, index)
        give(mine)
        if (late !== null) mine.late = late
      },
    )
  const loseClaim = (mine: Process): void => {
    mine.claim = null
    mine.doubt = !mine.evicted
  }
  if (process.claim?.stage === 'sent') {
    lose('its claim', 'with its request', loseClaim)
    if (process.late === null)
      lose('its claim', 'but the server has the request', loseClaim, { kind: 'claim', by })
  } else if (process.claim !== null) {
    lose('its claim', 'with its answer', loseClaim)
  }
  process.outbox.forEach((outcome, job) => {
    if (outcome === null || outcome.stage === 'waiting') return
    const again = (mine: Process): void => {
      mine.outbox[job] = mine.evicted ? null : { ...outcome, stage: 'waiting' }
    }
    const { token, ending } = outcome
    const what = `the settling of ${nameOfJob(job)}/${token}`
    if (outcome.stage !== 'sent') lose(what, 'with its answer', again)
    else if (process.late === null) {
      lose(what, 'but the server has the request', again, { kind: 'settle', by, job, token, ending })
    }
  })
  const { giving } = process
  if (giving !== null && process.late === null) {
    const drop = (mine: Process): void => {
      mine.giving = null
      mine.doubt = true
    }
    lose('what it gives back', 'but the server has the request', drop, giving)
  }
}

function ofHandlers(process: Process, index: number, fault: Fault): void {
  if (process.mode !== 'up') return
  process.held.forEach((held, job) => {
    if (held === null || process.outbox[job] !== null) return
    const what = `${nameOfJob(job)}/${held.token}`
    const ending = held.running ? 'again' : 'back'
    fault(
      () => `${nameOfProcess(index)} ${held.running ? `fails ${what}` : `gives ${what} back`}`,
      (next) => end(next, index, job, { token: held.token, ending }),
    )
  })
}

/** Every session ends, every call fails; what was carried out stays. */
function outage(next: State): void {
  next.fit = { locks: false, leases: false }
  for (const process of next.processes) {
    if (process.mode === 'dead') continue
    process.locked = false
    process.slow = true
    if (process.claim !== null || process.giving !== null) process.doubt = !process.evicted
    process.claim = null
    process.giving = null
    process.outbox = process.outbox.map((outcome) =>
      outcome === null || process.evicted ? null : { ...outcome, stage: 'waiting' },
    )
  }
}

/** As an outage, but a short one; and what the server had not carried out it never will. */
function restart(next: State): void {
  outage(next)
  next.fit.locks = true
  for (const row of next.rows) row.stale = row.state !== 'absent' && row.state !== 'lost'
  for (const process of next.processes) process.late = null
}
