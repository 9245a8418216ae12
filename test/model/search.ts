/* Breadth-first search: every state that the rules allow, nearest first, so that a counterexample is a shortest one. */
import { type Breach, breachOf, isFinal } from './invariants.ts'
import { keyOf } from './key.ts'
import { movesOfFaults } from './moves-of-faults.ts'
import { movesOfTime } from './moves-of-time.ts'
import { movesOfWorker } from './moves-of-workers.ts'
import type { Rules } from './rules.ts'
import { copyOf, initialState, isPresent, type Move, type State } from './state.ts'

/** What a search found. */
export interface Finding {
  readonly states: number
  /** The promise that some sequence of steps breaks; `stuck` when no quiet continuation settles every job. */
  readonly breach: Breach | { readonly promise: 'stuck'; readonly what: string } | null
  /** The steps that lead there, a shortest sequence. */
  readonly trace: readonly string[]
}

/** What is searched. */
export interface Scope {
  readonly jobs: number
  readonly faults: number
}

const MOST_STATES = 1_000_000

/** Searches all of it, or until the first breach. */
export function search(rules: Rules, scope: Scope): Finding {
  const indexes = new Map<string, number>()
  const states: (State | null)[] = []
  const final: boolean[] = []
  const parents: number[] = []
  const names: string[] = []
  /** Quiet steps, from and to: those a system takes by itself. */
  const from: number[] = []
  const to: number[] = []

  const enter = (state: State, parent: number, name: () => string): { index: number; isNew: boolean } => {
    const key = keyOf(state)
    const known = indexes.get(key)
    if (known !== undefined) return { index: known, isNew: false }
    const index = parents.length
    if (index >= MOST_STATES) throw new Error(`more than ${MOST_STATES} states: narrow the scope`)
    indexes.set(key, index)
    states.push(state)
    parents.push(parent)
    names.push(name())
    final.push(isFinal(state))
    return { index, isNew: true }
  }
  const traceTo = (index: number): string[] => {
    const trace: string[] = []
    for (let i = index; i > 0; i = parents[i] ?? 0) trace.unshift(names[i] ?? '')
    return trace
  }

  enter(initialState(scope), -1, () => '')
  for (let index = 0; index < parents.length; index += 1) {
    const state = states[index]
    if (state == null) continue
    // Nothing looks at it again.
    states[index] = null
    if (isOver(state)) continue
    for (const move of movesOf(state, rules)) {
      const next = copyOf(state)
      move.make(next)
      tidy(next)
      const entered = enter(next, index, move.name)
      if (!move.fault) {
        from.push(index)
        to.push(entered.index)
      }
      if (!entered.isNew) continue
      const breach = breachOf(state, next)
      if (breach !== null) return { states: parents.length, breach, trace: traceTo(entered.index) }
    }
  }
  const stuck = firstStuck(final, from, to)
  if (stuck === -1) return { states: parents.length, breach: null, trace: [] }
  const what = 'from here on no quiet continuation settles every job'
  return { states: parents.length, breach: { promise: 'stuck', what }, trace: traceTo(stuck) }
}

/** Rows of lives that are over and hold nothing can never matter again. */
function tidy(state: State): void {
  state.rows.forEach((row, id) => {
    if (row.state === 'absent' || isPresent(state, id)) return
    const holds = state.jobs.some(({ holder }) => holder === id)
    if (holds || state.processes.some(({ late }) => late?.by === id)) return
    Object.assign(row, { state: 'absent', old: false, stale: false })
  })
}

/** Everything is settled, and nobody knows or says anything that could change that. */
function isOver(state: State): boolean {
  return (
    isFinal(state) &&
    state.processes.every(
      ({ held, outbox, claim, late }) =>
        claim === null &&
        late === null &&
        held.every((one) => one === null) &&
        outbox.every((one) => one === null),
    )
  )
}

function movesOf(state: State, rules: Rules): Move[] {
  const moves: Move[] = []
  const add = (move: Move): void => {
    moves.push(move)
  }
  state.processes.forEach((_, index) => {
    movesOfWorker(state, index, rules, add)
  })
  movesOfTime(state, rules, add)
  movesOfFaults(state, rules, add)
  return moves
}

/** The nearest state from which no quiet steps lead to the end; -1 for none. */
function firstStuck(final: readonly boolean[], from: readonly number[], to: readonly number[]): number {
  const heads = new Int32Array(final.length).fill(-1)
  const chain = new Int32Array(to.length)
  to.forEach((target, edge) => {
    chain[edge] = heads[target] ?? -1
    heads[target] = edge
  })
  const good = Uint8Array.from(final, Number)
  const queue = final.flatMap((is, index) => (is ? [index] : []))
  for (let index = queue.pop(); index !== undefined; index = queue.pop()) {
    for (let edge = heads[index] ?? -1; edge !== -1; edge = chain[edge] ?? -1) {
      const source = from[edge] ?? 0
      if (good[source] === 1) continue
      good[source] = 1
      queue.push(source)
    }
  }
  return good.indexOf(0)
}
