/** Where reports arrive; values as they are stored. */
export interface ProgressSink {
  push(stored: unknown): void
  end(): void
  fail(error: unknown): void
}

/** Latest value of something that goes on, as an async iterable: a slow reader skips what was overtaken. */
export class ProgressFeed implements AsyncIterable<unknown> {
  readonly #start: (sink: ProgressSink) => () => void
  readonly #read: (stored: unknown) => unknown

  /**
   * @param start - subscribes when a reading begins; returns the function that takes it back
   * @param read - makes a value of what is stored; what it throws is the reader's
   */
  constructor(start: (sink: ProgressSink) => () => void, read: (stored: unknown) => unknown) {
    this.#start = start
    this.#read = read
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown> {
    const latest = new Latest()
    const stop = this.#start(latest)
    try {
      for (let next = await latest.take(); next !== null; next = await latest.take())
        yield this.#read(next.stored)
    } finally {
      stop()
    }
  }
}

class Latest implements ProgressSink {
  #next: { readonly stored: unknown } | null = null
  /** Compared as stored: values such as a Map all look alike when they are written anew. */
  #last = ''
  #ended = false
  #failure: { readonly error: unknown } | null = null
  #wake: () => void = () => undefined

  push(stored: unknown): void {
    const text = JSON.stringify(stored)
    if (text === this.#last) return
    this.#last = text
    this.#next = { stored }
    this.#wake()
  }

  end(): void {
    this.#ended = true
    this.#wake()
  }

  fail(error: unknown): void {
    this.#failure = { error }
    this.#wake()
  }

  /** The next value; null at the end. */
  async take(): Promise<{ readonly stored: unknown } | null> {
    for (;;) {
      const next = this.#next
      this.#next = null
      if (next !== null) return next
      if (this.#failure !== null) throw this.#failure.error
      if (this.#ended) return null
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}
