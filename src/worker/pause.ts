const RETRY_MS = { first: 100, most: 2_000, short: 1 } as const

/** When a worker whose calls fail sends the next one: later each time, and never together with all the others. */
export class Pause {
  #failures = 0
  #until = 0

  /** Instant of this process's monotonic clock before which nothing is sent. */
  get until(): number {
    return this.#until
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures
  }

  /** @param short - whether what is sent next differs from what failed, so that there is no reason to wait */
  failed(short: boolean): void {
    this.#failures += 1
    const ceiling = Math.min(RETRY_MS.most, RETRY_MS.first * 2 ** Math.min(this.#failures - 1, 10))
    this.#until = performance.now() + (short ? RETRY_MS.short : ceiling / 2 + (Math.random() * ceiling) / 2)
  }

  /** What failed may work now. */
  end(): void {
    this.#failures = 0
    this.#until = 0
  }
}
