import type { OtherOutcome, Successes } from '../db/calls/work-cycle.ts'
import type { Attempt } from './attempt.ts'
import type { OutcomeToSettle } from './outcome.ts'

/** Outcomes on their way into one settling: the lists `work_cycle` takes, and who they are about. */
export class Settlement {
  readonly ids: string[] = []
  readonly tokens: number[] = []
  readonly values: (string | null)[] = []
  readonly others: OtherOutcome[] = []
  readonly entries: { readonly attempt: Attempt; readonly outcome: OutcomeToSettle }[] = []
  #characters = 0
  /** Whether others may begin once it is settled: nodes open others, and what leaves a lane makes room. */
  opens = false

  get size(): number {
    return this.entries.length
  }

  /** Characters of the values; about their bytes. */
  get characters(): number {
    return this.#characters
  }

  get successes(): Successes {
    return this
  }

  add(attempt: Attempt, outcome: OutcomeToSettle): void {
    this.entries.push({ attempt, outcome })
    this.opens ||= attempt.isNode || attempt.inLane || outcome.kind === 'held'
    if (outcome.kind === 'succeeded' && !attempt.isNode) {
      this.ids.push(attempt.id)
      this.tokens.push(attempt.token)
      this.values.push(outcome.value)
      this.#characters += outcome.value?.length ?? 0
      return
    }
    const other = otherOf(attempt, outcome)
    this.others.push(attempt.isNode ? { ...other, node: true } : other)
    this.#characters += (other.value?.length ?? 0) + (other.plan?.length ?? 0)
  }

  /** Two settlements of about half each. */
  halves(): readonly [Settlement, Settlement] {
    const middle = Math.ceil(this.entries.length / 2)
    const [first, second] = [new Settlement(), new Settlement()]
    this.entries.forEach(({ attempt, outcome }, index) => {
      ;(index < middle ? first : second).add(attempt, outcome)
    })
    return [first, second]
  }
}

function otherOf(attempt: Attempt, outcome: OutcomeToSettle): OtherOutcome {
  const { id, token } = attempt
  switch (outcome.kind) {
    case 'succeeded':
      return { id, token, kind: 'succeeded', value: outcome.value, plan: outcome.added }
    case 'replaced':
      return { id, token, kind: 'replaced', plan: outcome.plan }
    case 'errored':
      return { id, token, kind: 'errored', error: outcome.error, delayMs: outcome.delayMs }
    case 'snoozed':
      return { id, token, kind: 'snoozed', delayMs: outcome.delayMs }
    case 'limited': {
      const { delayMs, reason, hold } = outcome
      return { id, token, kind: 'limited', delayMs, reason, hold }
    }
    case 'discarded':
      return { id, token, kind: 'discarded', error: outcome.error }
    case 'cancelled':
      return { id, token, kind: 'cancelled', reason: outcome.reason }
    case 'held':
      return { id, token, kind: 'held', door: outcome.door }
    case 'released':
      // One that has not begun never was an attempt.
      return { id, token, kind: attempt.startedAt === 0 ? 'released' : 'returned' }
  }
}

/** The bound of what is finished and not settled yet: beyond it no further job begins. */
const MOST_UNSETTLED = 5_000
const MOST_CHARACTERS = 64_000_000
/** The bound of one settling. */
const MOST_AT_ONCE = 1_000
const MOST_CHARACTERS_AT_ONCE = 8_000_000

/** Finished attempts that wait to be settled. They are kept through an outage of the database. */
export class Outcomes {
  #waiting: Settlement[] = []
  #size = 0
  #characters = 0

  get size(): number {
    return this.#size
  }

  /** Whether so much is unsettled that nothing more should begin. */
  get full(): boolean {
    return this.#size >= MOST_UNSETTLED || this.#characters >= MOST_CHARACTERS
  }

  add(attempt: Attempt, outcome: OutcomeToSettle): void {
    let last = this.#waiting.at(-1)
    if (last === undefined || last.size >= MOST_AT_ONCE || last.characters >= MOST_CHARACTERS_AT_ONCE) {
      last = new Settlement()
      this.#waiting.push(last)
    }
    const before = last.characters
    last.add(attempt, outcome)
    this.#size += 1
    this.#characters += last.characters - before
  }

  /** Takes the oldest ones for one settling; undefined when there are none. */
  take(): Settlement | undefined {
    const first = this.#waiting.shift()
    if (first === undefined) return undefined
    this.#size -= first.size
    this.#characters -= first.characters
    return first
  }

  /** Puts back what could not be settled, to go first. */
  putBack(...settlements: readonly Settlement[]): void {
    for (const settlement of [...settlements].reverse()) {
      if (settlement.size === 0) continue
      this.#waiting.unshift(settlement)
      this.#size += settlement.size
      this.#characters += settlement.characters
    }
  }
}
