import { after } from './timer.ts'

/** Rings once at the earliest of the instants it is set to. */
export class Alarm {
  readonly #ring: () => void
  #stop: (() => void) | null = null
  #at = 0

  constructor(ring: () => void) {
    this.#ring = ring
  }

  /** @param instant - in ms of this process's monotonic clock; an earlier one that is set already stays */
  set(instant: number): void {
    if (this.#stop !== null && this.#at <= instant) return
    this.clear()
    if (instant === Number.POSITIVE_INFINITY) return
    this.#at = instant
    this.#stop = after(Math.max(1, instant - performance.now()), () => {
      this.#stop = null
      this.#ring()
    })
  }

  clear(): void {
    this.#stop?.()
    this.#stop = null
  }
}
