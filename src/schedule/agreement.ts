import { declareSchedules, judgeSchedules } from '../db/calls/schedule.ts'
import type { Database } from '../db/database.ts'
import type { Registry } from '../task/registry.ts'
import type { ArgsWriter, Declarations } from './declarations.ts'

/** What an agreement is made from. */
export interface AgreementOptions extends ArgsWriter {
  readonly database: Database
  readonly registry: Registry
  readonly declarations: Declarations
}

const JUDGE_MS = 60_000
/** While living workers disagree, as during a deploy. */
const DISPUTED_MS = 3_000

/**
 * Keeps the stored schedules to what the code of living workers declares: says what this code does, once for each life of
 * a worker, and asks now and then whether all still do.
 */
export class Agreement {
  readonly #options: AgreementOptions
  #declaredFor = ''
  #judgeAt = 0

  constructor(options: AgreementOptions) {
    this.#options = options
  }

  get untilJudgedMs(): number {
    return Math.max(0, this.#judgeAt - performance.now())
  }

  /** @param workerIds - present ids of the workers of this code */
  async keep(workerIds: readonly string[]): Promise<void> {
    const { database, registry, declarations } = this.#options
    const declaredFor = `${declarations.count} ${workerIds.join()}`
    if (declaredFor !== this.#declaredFor) {
      const declared = await declarations.write(this.#options)
      let disputed = false
      for (const id of workerIds)
        disputed = await declareSchedules(database, id, registry.runnable(), declared)
      this.#declaredFor = declaredFor
      this.#judged(disputed)
    } else if (performance.now() >= this.#judgeAt) {
      this.#judged(await judgeSchedules(database))
    }
  }

  #judged(disputed: boolean): void {
    const everyMs = disputed ? DISPUTED_MS : JUDGE_MS
    this.#judgeAt = performance.now() + everyMs * (0.75 + Math.random() / 2)
  }
}
