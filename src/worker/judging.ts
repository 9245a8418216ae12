import type { Attempt } from './attempt.ts'
import { type ExecuteContext, failure, readArgs } from './execute.ts'
import type { Gate } from './gate.ts'
import type { OutcomeToSettle } from './outcome.ts'

/** What becomes of a claimed job. */
export interface Verdicts {
  /** It may begin. */
  readonly passed: (attempt: Attempt, tagged: boolean) => void
  /** It may not: it goes back into its lane, or fails since its limits cannot be told. */
  readonly held: (attempt: Attempt, outcome: OutcomeToSettle) => void
}

/** Claimed jobs on their way through the gate: at once where nothing limits them, or once their input is there. */
export class Judging {
  readonly #gate: Gate
  readonly #context: ExecuteContext
  readonly #verdicts: Verdicts
  readonly #waiting = new Map<string, Attempt>()

  constructor(gate: Gate, context: ExecuteContext, verdicts: Verdicts) {
    this.#gate = gate
    this.#context = context
    this.#verdicts = verdicts
  }

  get size(): number {
    return this.#waiting.size
  }

  ids(): Iterable<string> {
    return this.#waiting.keys()
  }

  find(jobId: string): Attempt | undefined {
    return this.#waiting.get(jobId)
  }

  remove(jobId: string): Attempt | undefined {
    const attempt = this.#waiting.get(jobId)
    this.#waiting.delete(jobId)
    return attempt
  }

  takeAll(): void {
    this.#waiting.clear()
  }

  /** @param tagged - whether the stored args may hold tagged values */
  judge(attempt: Attempt, tagged: boolean): void {
    if (!this.#gate.concerns(attempt)) this.#verdicts.passed(attempt, tagged)
    else if (!attempt.takesInput) this.#decide(attempt, tagged, [])
    else {
      // Keys and costs may depend on what its parents have returned.
      this.#waiting.set(attempt.id, attempt)
      attempt.earlyInput(this.#context.inputs).then(
        (input) => this.#ready(attempt, () => this.#decide(attempt, tagged, [input])),
        // Whoever runs it asks again, and reports it.
        () => this.#ready(attempt, () => this.#verdicts.passed(attempt, tagged)),
      )
    }
  }

  #ready(attempt: Attempt, go: () => void): void {
    if (this.#waiting.get(attempt.id) === attempt && this.#waiting.delete(attempt.id)) go()
  }

  #decide(attempt: Attempt, tagged: boolean, input: readonly unknown[]): void {
    const ahead = this.#look(attempt, tagged, input)
    if (ahead === null) this.#verdicts.passed(attempt, tagged)
    else this.#verdicts.held(attempt, ahead)
  }

  #look(attempt: Attempt, tagged: boolean, input: readonly unknown[]): OutcomeToSettle | null {
    let args: readonly unknown[]
    try {
      args = [...input, ...readArgs(attempt, tagged, this.#context.codec)]
    } catch {
      // Args that cannot be read have no keys; the attempt fails with it.
      return null
    }
    try {
      const door = this.#gate.ahead(attempt, argsOfCall(attempt, args))
      return door === null ? null : { kind: 'held', door }
    } catch (error) {
      return failure(attempt, error)
    }
  }
}

/** A job that calls its task with each of many items is limited by the first. */
function argsOfCall({ each }: Attempt, args: readonly unknown[]): readonly unknown[] {
  if (each === null) return args
  const [items] = args
  const first: unknown = Array.isArray(items) ? items[0] : undefined
  return each.spread && Array.isArray(first) ? first : [first]
}
