/** A claimed job that has not begun is one that others could have run: claim no more than is run in this time. */
const AHEAD_MS = 20
const MOST_AHEAD = 2_000
const MOST_AT_ONCE = 500
/** Weight of the newest handler in the average. */
const NEWEST = 0.05

/**
 * How many jobs to claim: as many as there are free slots, and for handlers that are over in no time as many more as
 * the slots can run in a few milliseconds.
 */
export class Pace {
  readonly #concurrency: number
  /** Average time of a handler in ms; unknown at first, when nothing is claimed ahead. */
  #handlerMs: number | null = null

  constructor(concurrency: number) {
    this.#concurrency = concurrency
  }

  /** A handler took this long. */
  learn(tookMs: number): void {
    this.#handlerMs =
      this.#handlerMs === null ? tookMs : this.#handlerMs + (tookMs - this.#handlerMs) * NEWEST
  }

  /**
   * Jobs to claim now.
   *
   * @param held - jobs that run, wait for a slot, or are being claimed by a call under way
   * @param oldestMs - how long the oldest running handler has taken so far
   */
  wanted(held: number, oldestMs: number): number {
    return Math.min(MOST_AT_ONCE, this.#concurrency + this.#ahead(oldestMs) - held)
  }

  #ahead(oldestMs: number): number {
    if (this.#handlerMs === null) return 0
    const ms = Math.max(this.#handlerMs, oldestMs > AHEAD_MS ? oldestMs : 0, 0.001)
    return Math.min(MOST_AHEAD, Math.floor((this.#concurrency * AHEAD_MS) / ms))
  }
}
