/*
 * What the SQL functions do to the rows, each in one transaction: claim_jobs and the gate of work_cycle, settle_jobs,
 * release_worker_jobs, record_heartbeat, rescue_jobs, cancel_jobs, kill.
 */
import type { Rules } from './rules.ts'
import { at, type Ending, type Identity, type Job, NOBODY, type Request, type State } from './state.ts'

/** Whether a worker may be given jobs. */
export function mayClaim(state: State, by: Identity, rules: Rules): boolean {
  const row = at(state.rows, by)
  return !rules.lostMayNotClaim || (row.state !== 'lost' && row.state !== 'absent')
}

/** Jobs that may be claimed. */
export const pendingJobs = (state: State): number[] =>
  state.jobs.flatMap((job, index) => (job.place === 'pending' ? [index] : []))

/** Gives a pending job to a worker. */
export function claim(job: Job, by: Identity): number {
  job.place = 'running'
  job.holder = by
  job.token += 1
  return job.token
}

/** Settles one attempt; whether the caller may believe that it counted. */
export function settle(
  state: State,
  request: Extract<Request, { kind: 'settle' }>,
  rules: Rules,
): 'counted' | 'refused' {
  const job = at(state.jobs, request.job)
  if (!isHeld(job, request, rules)) {
    // Without a fence the handler's own transaction commits whatever becomes of the job.
    if (rules.fence === 'nothing' && request.ending === 'done') job.effects += 1
    return isMine(job, request, rules) ? 'counted' : 'refused'
  }
  const ending = job.cancelAsked && request.ending !== 'done' ? 'cancelled' : request.ending
  if (request.ending === 'done') job.effects += 1
  if (request.ending === 'again' && ending === 'again') job.recorded |= 1 << request.token
  if (ending === 'done' || ending === 'cancelled') {
    finish(job, ending, { token: job.token, holder: request.by, author: request.token })
  } else {
    free(job, ending === 'back')
  }
  return 'counted'
}

/** The fence: whether the row is still that attempt's. */
function isHeld(
  job: Job,
  { by, token }: { readonly by: Identity; readonly token: number },
  rules: Rules,
): boolean {
  switch (rules.fence) {
    case 'id, token and worker':
      return job.place === 'running' && job.token === token && job.holder === by
    case 'worker':
      return job.place === 'running' && job.holder === by
    case 'state':
      return job.place === 'running'
    case 'nothing':
      return job.place !== 'settled'
  }
}

/** Whether the tables show that this very attempt was settled before: then only the answer was lost. */
function isMine(job: Job, request: Extract<Request, { kind: 'settle' }>, rules: Rules): boolean {
  const { by, token, ending } = request
  if (rules.resolve === 'by guess') return job.holder !== by
  if (job.result?.token === token && job.result.holder === by) return true
  if (ending === 'again') return (job.recorded & (1 << token)) !== 0
  return ending === 'back' && job.place === 'pending' && job.token === token + 1
}

function finish(job: Job, ending: Ending, by: { token: number; holder: Identity; author: number }): void {
  job.place = 'settled'
  job.holder = NOBODY
  job.token = by.token
  job.result = { ...by, ending }
  job.settlements += 1
}

function free(job: Job, raise: boolean): void {
  job.place = 'pending'
  job.holder = NOBODY
  if (raise) job.token += 1
}

/** Takes jobs of a worker from it: by the rescuer, by a new life of its own, or because it does not know them. */
export function takeAway(job: Job, rules: Rules): void {
  const raise = rules.takeAwayRaises
  if (job.cancelAsked) {
    finish(job, 'cancelled', { token: job.token + (raise ? 1 : 0), holder: job.holder, author: 0 })
  } else {
    free(job, raise)
  }
}

/** Gives back what a worker does not know. */
export function giveBack(
  state: State,
  request: Extract<Request, { kind: 'release' | 'sweep' }>,
  rules: Rules,
): void {
  state.jobs.forEach((job, index) => {
    if (job.place !== 'running' || job.holder !== request.by) return
    const meant = request.kind === 'release' ? request.tokens[index] === job.token : !request.kept[index]
    if (meant) takeAway(job, rules)
  })
}

/** Cancels a job: one that runs is only asked for, unless by force. */
export function cancel(job: Job, force: boolean): void {
  if (job.place === 'running' && !force) job.cancelAsked = true
  else finish(job, 'cancelled', { token: job.token + 1, holder: NOBODY, author: 0 })
}

/** Carries out a call that nobody waits for any more; a late claim has several ways to go. */
export function serveLate(state: State, request: Exclude<Request, { kind: 'claim' }>, rules: Rules): void {
  if (request.kind === 'settle') settle(state, request, rules)
  else giveBack(state, request, rules)
}
