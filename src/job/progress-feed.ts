/** Latest value of something that goes on, as an async iterable: a slow reader skips what was overtaken. */
export class ProgressFeed implements AsyncIterable<unknown> {
  readonly #start: (feed: ProgressFeed) => () => void
  #latest: { readonly value: unknown } | null = null
  #last = ''
  #ended = false
  #wake: (() => void) | null = null

  /** @param start - subscribes when the reading begins; returns the function that takes it back */
  constructor(start: (feed: ProgressFeed) => () => void) {
    this.#start = start
  }

  push(value: unknown): void {
    const text = String(JSON.stringify(value))
    if (text === this.#last) return
    this.#last = text
    this.#latest = { value }
    this.#wake?.()
  }

  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown> {
    const stop = this.#start(this)
    try {
      for (;;) {
        const latest = this.#latest
        this.#latest = null
        if (latest !== null) yield latest.value
        else if (this.#ended) return
        else await new Promise<void>((resolve) => (this.#wake = resolve))
        this.#wake = null
      }
    } finally {
      stop()
    }
  }
}
