import type { Contender } from './contenders/contender.ts'
import { median } from './harness/statistics.ts'
import type { Lab } from './lab.ts'

/** How a row stands to its goal; undefined when that cannot be said. */
export interface Goal {
  readonly text: string
  readonly met: boolean | undefined
}

/** One line of an answer. */
export interface Row {
  readonly name: string
  /** One figure per round. */
  readonly samples: readonly number[]
  /** Celeriac's median divided by this one's. */
  readonly ratio?: number
  readonly goal?: Goal
  readonly detail?: string
  readonly failure?: string
}

/** One table of figures. */
export interface Answer {
  readonly id: string
  readonly title: string
  readonly unit: string
  readonly rows: readonly Row[]
  readonly notes?: readonly string[]
}

/** A question of PERFORMANCE goals. */
export interface Question {
  readonly id: string
  ask(lab: Lab): Promise<Answer[]>
}

/** What the rounds of one contender gave, or why they gave nothing. */
export interface Measured<T> {
  readonly contender: Contender
  readonly values: readonly T[]
  readonly failure: string | undefined
}

/**
 * Measures contenders in turns, A B C A B C, so that what the machine does meanwhile hits all of them alike. One
 * that fails is left out of the following rounds; the others go on.
 */
export async function inTurns<T>(
  contenders: readonly Contender[],
  rounds: number,
  measure: (contender: Contender) => Promise<T>,
): Promise<Measured<T>[]> {
  const states = contenders.map((contender) => ({
    contender,
    values: [] as T[],
    failure: undefined as string | undefined,
  }))
  for (let round = 1; round <= rounds; round++) {
    for (const state of states) {
      if (state.failure !== undefined) continue
      process.stderr.write(`  round ${round}/${rounds}  ${state.contender.name}\n`)
      try {
        state.values.push(await measure(state.contender))
      } catch (error) {
        state.failure = error instanceof Error ? error.message : String(error)
        process.stderr.write(`  ${state.contender.name} failed: ${state.failure}\n`)
      }
    }
  }
  return states
}

/** Rows of one figure per contender, with celeriac's median divided by each. */
export function rowsOf<T>(
  measured: readonly Measured<T>[],
  figure: (value: T) => number,
  goalOf: (contender: Contender, ratio: number, median: number) => Goal | undefined = () => undefined,
  detailOf: (values: readonly T[]) => string | undefined = () => undefined,
): Row[] {
  const own = measured.find(({ contender }) => contender.family === 'celeriac')
  const ours = median((own?.values ?? []).map(figure))
  return measured.map(({ contender, values, failure }) => {
    const samples = values.map(figure)
    const middle = median(samples)
    const ratio = ours / middle
    const goal = goalOf(contender, ratio, middle)
    const detail = values.length > 0 ? detailOf(values) : undefined
    return {
      name: contender.name,
      samples,
      ...(Number.isFinite(ratio) && contender !== own?.contender ? { ratio } : {}),
      ...(goal ? { goal } : {}),
      ...(detail ? { detail } : {}),
      ...(failure === undefined ? {} : { failure }),
    }
  })
}

/** A goal that celeriac's figure is at least `times` this one. */
export function atLeast(times: number, ratio: number): Goal {
  return { text: `≥ ${times} ×`, met: known(ratio, ratio >= times) }
}

/** A goal that celeriac's figure is at most `times` this one. */
export function atMost(times: number, ratio: number): Goal {
  return { text: `≤ ${times} ×`, met: known(ratio, ratio <= times) }
}

/** Undefined unless the figure is a number. */
export function known(figure: number, met: boolean): boolean | undefined {
  return Number.isFinite(figure) ? met : undefined
}
