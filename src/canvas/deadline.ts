import { formatMs, toMs } from '../base/duration.ts'
import { ResultTimeoutError } from '../base/errors.ts'
import type { WaitOptions } from '../job/handle.ts'

/** One wait that is made of many: they share its time, and none outlives it. */
export class Deadline {
  readonly #jobId: string
  readonly #timeoutMs: number | null
  readonly #begun = performance.now()
  readonly #controller = new AbortController()
  readonly #signal: AbortSignal

  /** @param jobId - whose wait it is, for the error that says it took too long */
  constructor(jobId: string, { timeout, signal }: WaitOptions) {
    this.#jobId = jobId
    this.#timeoutMs = timeout === undefined ? null : toMs(timeout, 'timeout')
    this.#signal =
      signal === undefined ? this.#controller.signal : AbortSignal.any([signal, this.#controller.signal])
  }

  /** What is left for the next wait. */
  left(): WaitOptions {
    if (this.#timeoutMs === null) return { signal: this.#signal }
    const spent = Math.round(performance.now() - this.#begun)
    return { signal: this.#signal, timeout: Math.max(0, this.#timeoutMs - spent) }
  }

  /** The error of a part as that of the whole. */
  explain(error: unknown): unknown {
    if (!(error instanceof ResultTimeoutError) || this.#timeoutMs === null) return error
    return new ResultTimeoutError({ jobId: this.#jobId, timeout: formatMs(this.#timeoutMs) })
  }

  /** Ends the waits that nobody needs any more. */
  close(): void {
    this.#controller.abort()
  }
}
