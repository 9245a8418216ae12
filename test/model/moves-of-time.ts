/*
 * What the rescuer does (find_dead_workers, rescue_jobs), and what only takes time. The clocks of the protocol are in
 * the conditions: a worker that lives and reaches the server is back within a grace, except after an outage that
 * everybody had; who is not heard fences itself before the lease is over; the server ends the sessions of a host that
 * vanished only after that.
 */
import { isFinal } from './invariants.ts'
import { fence } from './moves-of-workers.ts'
import type { Rules } from './rules.ts'
import { claim, mayClaim, pendingJobs, serveLate, takeAway } from './server.ts'
import {
  at,
  type Identity,
  identityOf,
  isLocked,
  isPresent,
  type Move,
  nameOf,
  nameOfJob,
  nameOfProcess,
  processOf,
  type State,
} from './state.ts'

type Add = (move: Move) => void

const quiet = (add: Add, name: () => string, make: (next: State) => void): void =>
  add({ name, fault: false, make })

/** Steps of the rescuer and of time. */
export function movesOfTime(state: State, rules: Rules, add: Add): void {
  state.processes.forEach((_, index) => {
    ofProcess(state, index, rules, add)
  })
  if (isFinal(state)) return
  state.rows.forEach((_, id) => {
    ofRow(state, id, rules, add)
  })
  const back = state.processes.every(({ mode, cut, locked, fenced }, index) => {
    if (mode !== 'up' || (cut && (fenced || !rules.selfFence))) return true
    return !cut && locked && !at(state.rows, identityOf(state, index)).old
  })
  if (back && !(state.fit.locks && state.fit.leases)) {
    quiet(
      add,
      () => 'the rescuer has been well for a lease, and whoever lives is back',
      (next) => {
        next.fit = { locks: true, leases: true }
        next.processes.forEach((_, index) => {
          excuse(next, identityOf(next, index), rules)
        })
      },
    )
  }
}

function ofRow(state: State, id: Identity, rules: Rules, add: Add): void {
  const row = at(state.rows, id)
  const name = nameOf(id)
  const holds = state.jobs.some((job) => job.place === 'running' && job.holder === id)
  if (row.state === 'lost' || (row.state === 'absent' && holds && rules.orphans)) {
    quiet(
      add,
      () => `the rescuer takes the jobs of ${name} away`,
      (next) => {
        for (const job of next.jobs) if (job.place === 'running' && job.holder === id) takeAway(job, rules)
        Object.assign(at(next.rows, id), { state: 'absent', old: false, stale: false })
      },
    )
  }
  if (row.state === 'absent' || row.state === 'lost') return
  if (!row.old && mayMissLease(state, id)) {
    quiet(
      add,
      () => `${name} is not heard for a lease${fencesItself(state, id, rules) ? ', and fenced itself' : ''}`,
      (next) => {
        at(next.rows, id).old = true
        excuse(next, id, rules)
        if (fencesItself(state, id, rules)) fence(next, processOf(id), rules)
      },
    )
  }
  const lockSpeaks = (state.fit.locks || !rules.warmUp) && (!row.stale || !rules.postmaster)
  const longFree = !isLocked(state, id) && (mayMissGrace(state, id, rules) || !rules.grace)
  const leaseSpeaks = row.old && (state.fit.leases || !rules.warmUp)
  if ((lockSpeaks && longFree) || leaseSpeaks) {
    const why = leaseSpeaks
      ? 'no heartbeat for a lease'
      : `its lock is free${rules.grace ? ' for a grace' : ''}`
    quiet(
      add,
      () => `the rescuer declares ${name} dead: ${why}`,
      (next) => {
        Object.assign(at(next.rows, id), { state: 'lost', old: false, stale: false })
        excuse(next, id, rules)
      },
    )
  }
}

/**
 * Whether a worker may fail to be back within a grace after its sessions ended. Who is cut off first notices and
 * fences itself, unless its sessions were reset.
 */
function mayMissGrace(state: State, id: Identity, rules: Rules): boolean {
  if (!isPresent(state, id)) return true
  const { mode, cut, slow, fenced } = at(state.processes, processOf(id))
  return mode === 'frozen' || slow || (cut && (fenced || !rules.selfFence || rules.resets))
}

/** Whether a worker may fail to beat for a lease. */
function mayMissLease(state: State, id: Identity): boolean {
  if (!isPresent(state, id)) return true
  const { mode, cut, slow } = at(state.processes, processOf(id))
  return mode === 'frozen' || cut || slow
}

/** One that is up stops before its lease is over. */
function fencesItself(state: State, id: Identity, rules: Rules): boolean {
  return rules.selfFence && isPresent(state, id) && at(state.processes, processOf(id)).mode === 'up'
}

/** A frozen process cannot know, and handlers that may go on while cut off do so on purpose. */
function excuse(next: State, id: Identity, rules: Rules): void {
  if (!isPresent(next, id)) return
  const process = at(next.processes, processOf(id))
  if (process.mode === 'frozen' || (process.cut && rules.onUnreachable === 'continue')) process.excused = true
}

function ofProcess(state: State, index: number, rules: Rules, add: Add): void {
  const process = at(state.processes, index)
  const name = nameOfProcess(index)
  if (process.mode === 'frozen') {
    quiet(
      add,
      () => `${name} thaws`,
      (next) => {
        at(next.processes, index).mode = 'up'
      },
    )
  }
  if (process.cut) {
    quiet(
      add,
      () => `${name} is reachable again`,
      (next) => {
        at(next.processes, index).cut = false
      },
    )
    if (process.locked && (process.fenced || process.mode !== 'up' || !rules.selfFence)) {
      quiet(
        add,
        () => `the server ends the sessions of ${name}, which does not answer`,
        (next) => {
          at(next.processes, index).locked = false
        },
      )
    }
  }
  const { late } = process
  if (late === null) return
  const forget = (next: State): void => {
    at(next.processes, index).late = null
  }
  quiet(add, () => `a call that ${name} gave up comes to nothing`, forget)
  if (late.kind !== 'claim') {
    quiet(
      add,
      () => `a call that ${name} gave up is carried out after all (${late.kind})`,
      (next) => {
        forget(next)
        serveLate(next, late, rules)
      },
    )
    return
  }
  if (!mayClaim(state, late.by, rules)) return
  for (const job of pendingJobs(state)) {
    const token = at(state.jobs, job).token + 1
    quiet(
      add,
      () => `a claim that ${name} gave up takes ${nameOfJob(job)}/${token} after all`,
      (next) => {
        forget(next)
        claim(at(next.jobs, job), late.by)
      },
    )
  }
}
