/*
 * The calls of a worker (src/worker/cycle.ts: claim, settle, compare), each in three steps: sent, carried out,
 * answered.
 */
import type { Rules } from './rules.ts'
import { claim, giveBack, mayClaim, pendingJobs, settle } from './server.ts'
import { at, identityOf, type Move, nameOfJob, nameOfProcess, type Process, type State } from './state.ts'

type Add = (move: Move) => void

/** A step of one worker that is no fault. */
export function step(add: Add, index: number, what: () => string, change: (next: State) => void): void {
  add({ name: () => `${nameOfProcess(index)} ${what()}`, fault: false, make: change })
}

/** What the server does with calls under way, whatever has become of who sent them. */
export function serverSide(state: State, index: number, rules: Rules, add: Add): void {
  const process = at(state.processes, index)
  const by = identityOf(state, index)
  if (process.claim?.stage === 'sent') {
    if (!mayClaim(state, by, rules)) {
      step(
        add,
        index,
        () => 'is refused a claim: it was declared dead',
        (next) => {
          at(next.processes, index).claim = { stage: 'refused' }
        },
      )
    } else {
      const pending = pendingJobs(state)
      for (const job of pending) {
        step(
          add,
          index,
          () => `is given ${nameOfJob(job)}/${at(state.jobs, job).token + 1}`,
          (next) => {
            const token = claim(at(next.jobs, job), by)
            at(next.processes, index).claim = { stage: 'granted', job, token }
          },
        )
      }
      if (pending.length === 0) {
        step(
          add,
          index,
          () => 'finds nothing to claim',
          (next) => {
            at(next.processes, index).claim = null
          },
        )
      }
    }
  }
  process.outbox.forEach((outcome, job) => {
    if (outcome?.stage !== 'sent') return
    const request = { kind: 'settle', by, job, token: outcome.token, ending: outcome.ending } as const
    step(
      add,
      index,
      () => `has ${nameOfJob(job)}/${outcome.token} (${outcome.ending}) settled, or refused`,
      (next) => {
        at(next.processes, index).outbox[job] = { ...outcome, stage: settle(next, request, rules) }
      },
    )
  })
  const giving = process.giving
  if (giving?.kind === 'release' || giving?.kind === 'sweep') {
    step(
      add,
      index,
      () => 'has given back what it does not know',
      (next) => {
        giveBack(next, giving, rules)
        const { processes } = next
        at(processes, index).giving = null
        at(processes, index).doubt = false
      },
    )
  }
}

export function claims(state: State, index: number, rules: Rules, add: Add): void {
  const process = at(state.processes, index)
  const free =
    process.claim === null && (process.giving === null || rules.reconcile === 'while claims are under way')
  const sure = !process.doubt || rules.reconcile === 'never'
  if (free && sure && !process.cut && !process.fenced && !process.evicted && pendingJobs(state).length > 0) {
    step(
      add,
      index,
      () => 'asks for jobs',
      (next) => {
        at(next.processes, index).claim = { stage: 'sent' }
      },
    )
  }
  const { claim: answer } = process
  if (process.cut || answer === null || answer.stage === 'sent') return
  if (answer.stage === 'refused') {
    step(
      add,
      index,
      () => 'learns that it was declared dead',
      (next) => evict(next, index),
    )
    return
  }
  step(
    add,
    index,
    () => `gets the answer: ${nameOfJob(answer.job)}/${answer.token}`,
    (next) => {
      const mine = at(next.processes, index)
      mine.claim = null
      if (mine.evicted) return
      mine.doubled ||= at(mine.held, answer.job)?.running === true
      mine.held[answer.job] = { token: answer.token, running: false }
    },
  )
}

export function settles(process: Process, index: number, add: Add): void {
  process.outbox.forEach((outcome, job) => {
    if (outcome === null || outcome.stage === 'sent') return
    const name = `${nameOfJob(job)}/${outcome.token}`
    if (outcome.stage === 'waiting') {
      if (process.evicted) return
      step(
        add,
        index,
        () => `sends the outcome of ${name} (${outcome.ending})`,
        (next) => {
          at(next.processes, index).outbox[job] = { ...outcome, stage: 'sent' }
        },
      )
      return
    }
    step(
      add,
      index,
      () => `learns that ${name} ${outcome.stage === 'counted' ? 'counted' : 'was lost'}`,
      (next) => {
        at(next.processes, index).outbox[job] = null
        const tells = outcome.ending === 'done' || outcome.ending === 'cancelled'
        if (outcome.stage === 'counted' && tells) at(next.jobs, job).told = outcome
      },
    )
  })
}

/** Rows that the table says it holds and it has never heard of go back. */
export function compares(state: State, index: number, rules: Rules, add: Add): void {
  const process = at(state.processes, index)
  if (rules.reconcile === 'never' || process.giving !== null || process.evicted) return
  if (process.claim !== null && rules.reconcile !== 'while claims are under way') return
  const by = identityOf(state, index)
  const kept = process.held.map((held, job) => held !== null || process.outbox[job] !== null)
  const tokens = state.jobs.map((job, i) =>
    job.place === 'running' && job.holder === by && !kept[i] ? job.token : 0,
  )
  if (!process.doubt && tokens.every((token) => token === 0)) return
  step(
    add,
    index,
    () => 'compares rows and memory',
    (next) => {
      const mine = at(next.processes, index)
      if (rules.reconcile === 'by what it keeps') mine.giving = { kind: 'sweep', by, kept }
      else if (tokens.some((token) => token > 0)) mine.giving = { kind: 'release', by, tokens }
      else mine.doubt = false
    },
  )
}

/** It was declared dead: what it runs is aborted, what it has not sent is dropped. */
export function evict(next: State, index: number): void {
  const process = at(next.processes, index)
  process.evicted = true
  process.excused = false
  process.claim = process.claim?.stage === 'sent' ? process.claim : null
  process.held = process.held.map(() => null)
  process.outbox = process.outbox.map((outcome) => (outcome?.stage === 'waiting' ? null : outcome))
}
