/*
 * What the main loop of a worker shows its guard, and the guard shows it, without a message: counters in shared memory.
 * Whoever stands still cannot answer; these can be read all the same.
 */
const SLOT = { ticks: 0, running: 1, killable: 2, fenced: 3 } as const

/** Counters that a worker and its guard share. */
export class Pulse {
  readonly memory: SharedArrayBuffer
  readonly #slots: Int32Array

  constructor(memory = new SharedArrayBuffer(Object.keys(SLOT).length * Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory
    this.#slots = new Int32Array(memory)
  }

  /** The main loop has come round. */
  tick(): void {
    Atomics.add(this.#slots, SLOT.ticks, 1)
  }

  get ticks(): number {
    return Atomics.load(this.#slots, SLOT.ticks)
  }

  /** How many handlers run, and how many of them must not outlive the worker's claim to them. */
  show(running: number, killable: number): void {
    Atomics.store(this.#slots, SLOT.running, running)
    Atomics.store(this.#slots, SLOT.killable, killable)
  }

  get running(): number {
    return Atomics.load(this.#slots, SLOT.running)
  }

  get killable(): number {
    return Atomics.load(this.#slots, SLOT.killable)
  }

  /** Whether nothing may begin, because the worker has not been heard for too long. */
  get fenced(): boolean {
    return Atomics.load(this.#slots, SLOT.fenced) === 1
  }

  set fenced(fenced: boolean) {
    Atomics.store(this.#slots, SLOT.fenced, fenced ? 1 : 0)
  }
}
