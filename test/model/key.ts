/*
 * States as texts. Two states get one key when no step can tell them apart: workers and jobs may change places, lives
 * count from the present one, and tokens count from the smallest that anybody still knows.
 */
import {
  at,
  type Claim,
  type Ending,
  type Job,
  LIVES,
  type Outcome,
  type Process,
  type Request,
  type Row,
  type State,
} from './state.ts'

const ENDINGS: readonly Ending[] = ['done', 'again', 'back', 'cancelled']
const PLACES = ['pending', 'running', 'settled']
const STAGES: readonly Outcome['stage'][] = ['waiting', 'sent', 'counted', 'refused']
const MODES: readonly Process['mode'][] = ['up', 'frozen', 'dead']
const ROW_STATES: readonly Row['state'][] = ['absent', 'alive', 'lost']
/** Fits a byte, so that keys take one per number. */
const NONE = 0xff

/** The key of a state. Numbers in it are small, so each fits a character. */
export function keyOf(state: State): string {
  const facts = state.jobs.map((_, job) => factsOf(state, job))
  let smallest = ''
  for (const processes of ORDERS) {
    for (const jobs of state.jobs.length === 1 ? ONE : ORDERS) {
      const key = keyIn(state, facts, processes, jobs)
      if (smallest === '' || key < smallest) smallest = key
    }
  }
  return smallest
}

const ONE = [[0]] as const
const ORDERS = [
  [0, 1],
  [1, 0],
] as const

/** How things are called in one order. */
interface Names {
  readonly jobs: readonly number[]
  readonly identity: (id: number) => number
  /** A token of a job, counted from its smallest. */
  readonly token: (job: number, token: number) => number
}

/** What of a job's tokens matters: one less than the smallest that somebody still knows, and all of them as bits. */
interface Facts {
  readonly base: number
  readonly known: number
}

function keyIn(
  state: State,
  facts: readonly Facts[],
  processes: readonly number[],
  jobs: readonly number[],
): string {
  const names: Names = {
    jobs,
    identity: (id) => {
      if (id < 0) return NONE
      const process = Math.floor(id / LIVES)
      return processes.indexOf(process) * LIVES + at(state.processes, process).life - (id % LIVES)
    },
    token: (job, token) => token - at(facts, job).base,
  }
  const codes: number[] = [state.faults, flags(state.fit.locks, state.fit.leases)]
  for (const job of jobs) jobInto(codes, at(state.jobs, job), names, at(facts, job), job)
  for (const index of processes) {
    const process = at(state.processes, index)
    processInto(codes, process, names)
    for (let life = process.life; life >= 0; life -= 1) {
      const { state: word, old, stale } = at(state.rows, index * LIVES + life)
      if (word !== 'absent') codes.push(process.life - life, ROW_STATES.indexOf(word) * 4 + flags(old, stale))
    }
    codes.push(NONE)
  }
  return String.fromCharCode(...codes)
}

function factsOf({ jobs, processes }: State, job: number): Facts {
  const { token, result, told } = at(jobs, job)
  let base = token
  let known = 1 << token
  const see = (other: number): void => {
    if (other === 0) return
    base = Math.min(base, other)
    known |= 1 << other
  }
  if (result !== null) {
    see(result.token)
    see(result.author)
  }
  if (told !== null) see(told.token)
  for (const { held, outbox, claim, giving, late } of processes) {
    see(held[job]?.token ?? 0)
    see(outbox[job]?.token ?? 0)
    if (claim?.stage === 'granted' && claim.job === job) see(claim.token)
    for (const request of [giving, late]) {
      if (request?.kind === 'settle' && request.job === job) see(request.token)
      else if (request?.kind === 'release') see(at(request.tokens, job))
    }
  }
  return { base: base - 1, known }
}

function jobInto(codes: number[], job: Job, names: Names, { base, known }: Facts, index: number): void {
  const { result, told } = job
  // Of what began or was recorded, only what somebody may still repeat.
  const bits = (mask: number): number => (mask & known) >> Math.max(base, 0)
  codes.push(
    PLACES.indexOf(job.place) * 4 + flags(job.cancelAsked, job.startedTwice),
    names.token(index, job.token),
    names.identity(job.holder),
    job.settlements,
    job.effects,
    bits(job.started),
    bits(job.recorded),
    told === null ? NONE : names.token(index, told.token) * 4 + ENDINGS.indexOf(told.ending),
  )
  if (result === null) return
  const { author } = result
  codes.push(
    ENDINGS.indexOf(result.ending),
    names.token(index, result.token),
    author === 0 ? NONE : names.token(index, author),
    names.identity(result.holder),
  )
}

function processInto(codes: number[], process: Process, names: Names): void {
  const { locked, cut, slow, fenced, evicted, excused, doubt, doubled } = process
  codes.push(MODES.indexOf(process.mode), flags(locked, cut, slow, fenced, evicted, excused, doubt, doubled))
  for (const job of names.jobs) {
    const [held, outcome] = [process.held[job], process.outbox[job]]
    codes.push(held == null ? NONE : names.token(job, held.token) * 2 + Number(held.running))
    codes.push(outcome == null ? NONE : outcomeCode(names.token(job, outcome.token), outcome))
  }
  claimInto(codes, process.claim, names)
  requestInto(codes, process.giving, names)
  requestInto(codes, process.late, names)
}

const outcomeCode = (token: number, { ending, stage }: Outcome): number =>
  (token * 4 + ENDINGS.indexOf(ending)) * 4 + STAGES.indexOf(stage)

function claimInto(codes: number[], claim: Claim | null, names: Names): void {
  if (claim === null) codes.push(NONE)
  else if (claim.stage !== 'granted') codes.push(claim.stage === 'sent' ? 1 : 2)
  else codes.push(3, names.jobs.indexOf(claim.job), names.token(claim.job, claim.token))
}

function requestInto(codes: number[], request: Request | null, names: Names): void {
  if (request === null) {
    codes.push(NONE)
    return
  }
  codes.push(names.identity(request.by))
  switch (request.kind) {
    case 'claim':
      codes.push(1)
      break
    case 'settle':
      codes.push(2, names.jobs.indexOf(request.job))
      codes.push(names.token(request.job, request.token) * 4 + ENDINGS.indexOf(request.ending))
      break
    case 'release':
      codes.push(3)
      for (const job of names.jobs) {
        const token = at(request.tokens, job)
        codes.push(token === 0 ? NONE : names.token(job, token))
      }
      break
    case 'sweep':
      codes.push(4)
      for (const job of names.jobs) codes.push(Number(at(request.kept, job)))
  }
}

function flags(...given: readonly boolean[]): number {
  let sum = 0
  for (let bit = 0; bit < given.length; bit += 1) if (given[bit] === true) sum += 1 << bit
  return sum
}
