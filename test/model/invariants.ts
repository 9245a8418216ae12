/* What must hold in every state; the numbers are those of the promises: I2 to I5. */
import { nameOfJob, type State } from './state.ts'

/** The promise that is broken, and how. */
export interface Breach {
  readonly promise: 'I2' | 'I3' | 'I4' | 'I5'
  readonly what: string
}

/** What is wrong with a state, or with the step that led to it; null for nothing. */
export function breachOf(before: State | null, state: State): Breach | null {
  for (const [index, job] of state.jobs.entries()) {
    const name = nameOfJob(index)
    const earlier = before?.jobs[index]
    if (earlier !== undefined && job.token < earlier.token) {
      return { promise: 'I2', what: `the token of ${name} fell from ${earlier.token} to ${job.token}` }
    }
    if (job.startedTwice) return { promise: 'I2', what: `one token of ${name} began twice` }
    const breach = overlapOf(state, index) ?? misSettled(state, index) ?? effectsOf(state, index)
    if (breach !== null) return breach
  }
  return null
}

/** I3: no two handlers of one job at once, unless one of them could not know. */
function overlapOf(state: State, job: number): Breach | null {
  const running = state.processes.filter(({ held }) => held[job]?.running === true)
  const overlaps = running.length > 1 && running.every(({ excused }) => !excused)
  if (!overlaps && !state.processes.some(({ doubled }) => doubled)) return null
  return { promise: 'I3', what: `two handlers of ${nameOfJob(job)} run at once` }
}

/** I4: settled once, by the attempt whose token the row carries; and what a worker believes to have settled, it has. */
function misSettled(state: State, index: number): Breach | null {
  const job = state.jobs[index]
  const name = nameOfJob(index)
  if (job === undefined) return null
  const { result, told, settlements } = job
  if (settlements > 1) return { promise: 'I4', what: `${name} was settled ${settlements} times` }
  if (result !== null && result.author !== 0 && result.author !== result.token) {
    return {
      promise: 'I4',
      what: `the row of ${name} carries token ${result.token}, its result is of attempt ${result.author}`,
    }
  }
  const true_ = told === null || (result?.author === told.token && result.ending === told.ending)
  if (true_) return null
  return {
    promise: 'I4',
    what: `the worker of ${name}/${told.token} believes that it settled it as ${told.ending}`,
  }
}

/** I5: the effects of the attempt that completed the job, once; none of any other. */
function effectsOf(state: State, index: number): Breach | null {
  const job = state.jobs[index]
  if (job === undefined) return null
  const due = job.result?.ending === 'done' ? 1 : 0
  if (job.effects === due) return null
  return {
    promise: 'I5',
    what: `effects of ${nameOfJob(index)} were committed ${job.effects} times instead of ${due}`,
  }
}

/** Where everything is to end. */
export const isFinal = (state: State): boolean => state.jobs.every((job) => job.place === 'settled')
