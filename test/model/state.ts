/*
 * What the model of liveness and fencing knows: two worker processes, their jobs, the rows of the database, one
 * rescuer that is always there. Time is not a number here: that a grace or a lease has passed is a step of its own,
 * which may be taken whenever the clocks of the protocol allow it (moves-of-time.ts).
 */
import type { Rules } from './rules.ts'

/** One life of a worker process, as its id in the tables: `process * LIVES + life`. */
export type Identity = number
export const NOBODY = -1
/** Lives of a process; each new one costs a fault, and a search allows two. */
export const LIVES = 3

/** How an attempt ended: settled, to be run once more, given back with a raised token, or aborted by a cancel. */
export type Ending = 'done' | 'again' | 'back' | 'cancelled'

/** What became of a job in the end. */
export interface Result {
  /** What the row says: the token, and whose attempt it was. */
  readonly token: number
  readonly holder: Identity
  /** Token of the attempt that in truth wrote it; 0 when somebody else ended the job. */
  readonly author: number
  readonly ending: Ending
}

/** The row of a job, and what the invariants count of it. */
export interface Job {
  place: 'pending' | 'running' | 'settled'
  token: number
  holder: Identity
  cancelAsked: boolean
  result: Result | null
  /** Times it was settled. */
  settlements: number
  /** Transactions of its handlers that were committed with their effects. */
  effects: number
  /** What a worker believes it has settled. */
  told: { readonly token: number; readonly ending: Ending } | null
  /** Tokens whose handler was called, and of failed attempts that are recorded; bit by bit. */
  started: number
  recorded: number
  startedTwice: boolean
}

/** An attempt in the memory of its worker: claimed, perhaps running. */
export interface Held {
  readonly token: number
  readonly running: boolean
}

/** A finished attempt in the memory of its worker, and where its settling is. */
export interface Outcome {
  readonly token: number
  readonly ending: Ending
  readonly stage: 'waiting' | 'sent' | 'counted' | 'refused'
}

/** A call to the database that has not been carried out. */
export type Request =
  | { readonly kind: 'claim'; readonly by: Identity }
  | {
      readonly kind: 'settle'
      readonly by: Identity
      readonly job: number
      readonly token: number
      readonly ending: Ending
    }
  /** Gives back exactly these attempts: a token per job, 0 for none. */
  | { readonly kind: 'release'; readonly by: Identity; readonly tokens: readonly number[] }
  /** Gives back whatever the caller does not keep. */
  | { readonly kind: 'sweep'; readonly by: Identity; readonly kept: readonly boolean[] }

/** Where a claim is. */
export type Claim =
  | { readonly stage: 'sent' }
  | { readonly stage: 'granted'; readonly job: number; readonly token: number }
  | { readonly stage: 'refused' }

/** A worker process. */
export interface Process {
  mode: 'up' | 'frozen' | 'dead'
  life: number
  /** The server sees its sessions, and with them its presence lock. */
  locked: boolean
  /** Its network is gone. */
  cut: boolean
  /** Everybody lost the database: coming back may take longer than a grace. */
  slow: boolean
  /** It has not been heard for so long that it begins nothing and has told its handlers to give way. */
  fenced: boolean
  /** It knows that it was declared dead. */
  evicted: boolean
  /** It was frozen, or cut off while its handlers may go on, for so long that an overlap is not held against anybody. */
  excused: boolean
  /** The answer to a claim got lost: nothing is claimed before rows and memory are compared. */
  doubt: boolean
  /** It was given a job that it runs already. */
  doubled: boolean
  held: (Held | null)[]
  outbox: (Outcome | null)[]
  claim: Claim | null
  giving: Request | null
  /** A call it has given up, which the server may still carry out. */
  late: Request | null
}

/** The row of a worker. */
export interface Row {
  state: 'absent' | 'alive' | 'lost'
  /** Its heartbeat is older than the lease. */
  old: boolean
  /** Its lock was taken on a server process that is no more. */
  stale: boolean
}

/** Everything. */
export interface State {
  jobs: Job[]
  processes: Process[]
  rows: Row[]
  /** The rescuer has proven enough of its own health to go by locks, or by heartbeats. */
  fit: { locks: boolean; leases: boolean }
  /** Faults that may still happen. */
  faults: number
}

/** A job nobody has claimed. */
function newJob(): Job {
  return {
    place: 'pending',
    token: 0,
    holder: NOBODY,
    cancelAsked: false,
    result: null,
    settlements: 0,
    effects: 0,
    told: null,
    started: 0,
    recorded: 0,
    startedTwice: false,
  }
}

function newProcess(jobs: number): Process {
  return {
    mode: 'up',
    life: 0,
    locked: true,
    cut: false,
    slow: false,
    fenced: false,
    evicted: false,
    excused: false,
    doubt: false,
    doubled: false,
    held: Array.from({ length: jobs }, () => null),
    outbox: Array.from({ length: jobs }, () => null),
    claim: null,
    giving: null,
    late: null,
  }
}

/** Two workers that have just registered, and jobs that wait. */
export function initialState({ jobs, faults }: { readonly jobs: number; readonly faults: number }): State {
  return {
    jobs: Array.from({ length: jobs }, newJob),
    processes: [newProcess(jobs), newProcess(jobs)],
    rows: Array.from({ length: 2 * LIVES }, (_, id) => ({
      state: id % LIVES === 0 ? 'alive' : 'absent',
      old: false,
      stale: false,
    })),
    fit: { locks: true, leases: true },
    faults,
  }
}

/** A copy that may be changed; what is read-only inside is shared. */
export function copyOf(state: State): State {
  return {
    jobs: state.jobs.map((job) => ({ ...job })),
    processes: state.processes.map((process) => ({
      ...process,
      held: process.held.slice(),
      outbox: process.outbox.slice(),
    })),
    rows: state.rows.map((row) => ({ ...row })),
    fit: { ...state.fit },
    faults: state.faults,
  }
}

export const identityOf = (state: State, process: number): Identity =>
  process * LIVES + at(state.processes, process).life
export const processOf = (id: Identity): number => Math.floor(id / LIVES)

/** Whether this is the life its process lives now. */
export const isPresent = (state: State, id: Identity): boolean => {
  const process = at(state.processes, processOf(id))
  return process.life === id % LIVES && process.mode !== 'dead'
}

/** Whether some session holds the presence lock of that life. */
export const isLocked = (state: State, id: Identity): boolean =>
  isPresent(state, id) && at(state.processes, processOf(id)).locked

/** `list[index]`, which is there. */
export function at<Item>(list: readonly Item[], index: number): Item {
  const item = list[index]
  if (item === undefined) throw new Error(`nothing at ${index}`)
  return item
}

export const nameOfJob = (job: number): string => at(['J', 'K'], job)
export const nameOfProcess = (process: number): string => at(['A', 'B'], process)
/** `A`, then `A2`, `A3` in later lives. */
export const nameOf = (id: Identity): string =>
  nameOfProcess(processOf(id)) + (id % LIVES === 0 ? '' : String((id % LIVES) + 1))

/** One step: who does what. */
export interface Move {
  readonly name: () => string
  /** A fault or a wish from outside: the system gets there without, too. */
  readonly fault: boolean
  /** @param state - a copy of its own */
  readonly make: (state: State) => void
}

/** Lists steps that are possible in a state. */
export type Moves = (state: State, rules: Rules, add: (move: Move) => void) => void
