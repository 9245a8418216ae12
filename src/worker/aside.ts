import type { Settlement } from './outcomes.ts'

const AGAIN_MS = { first: 250, most: 5_000 } as const

/** Outcomes whose row somebody else holds: tried again later, so that their neighbours need not wait. */
export class Aside {
  #waiting: { readonly settlement: Settlement; readonly at: number }[] = []
  /** How often each attempt was set aside, by its id and token. */
  readonly #times = new Map<string, number>()

  get size(): number {
    return this.#waiting.length
  }

  /** When the next one is due; infinite when none waits. */
  get nextAt(): number {
    return this.#waiting.reduce((earliest, { at }) => Math.min(earliest, at), Number.POSITIVE_INFINITY)
  }

  /** Sets one outcome aside. */
  add(settlement: Settlement): void {
    const key = keyOf(settlement)
    const times = this.#times.get(key) ?? 0
    this.#times.set(key, times + 1)
    const at = performance.now() + Math.min(AGAIN_MS.most, AGAIN_MS.first * 2 ** Math.min(times, 10))
    this.#waiting.push({ settlement, at })
  }

  /** Takes those that are due; all of them when `now` is infinite. */
  take(now: number): Settlement[] {
    const due = this.#waiting.filter(({ at }) => at <= now)
    if (due.length > 0) this.#waiting = this.#waiting.filter(({ at }) => at > now)
    return due.map(({ settlement }) => settlement)
  }

  /** An outcome was settled, or is nobody's any more. */
  forget(settlement: Settlement): void {
    if (this.#times.size > 0) this.#times.delete(keyOf(settlement))
  }

  ids(): string[] {
    return this.#waiting.flatMap(({ settlement }) => settlement.entries.map(({ attempt }) => attempt.id))
  }
}

function keyOf({ entries: [entry] }: Settlement): string {
  return entry === undefined ? '' : `${entry.attempt.id}/${entry.attempt.token}`
}
