/** A look after announcing sleep, for a job whose insert began before the announcement was visible. */
const SECOND_LOOK_MS = 50

/**
 * Whether a worker sleeps, and whether others can know: a producer sends a wake-up only while some worker's row says
 * that it may be asleep. The row is written when that is new, and by heartbeats: a write per nap would be one per job.
 */
export class Sleep {
  readonly #announce: () => Promise<void>
  #asleep = false
  /** Slept at some time since the last heartbeat. */
  #slept = false
  #announced = false
  /** Heartbeats that said that it had not slept. */
  #silentBeats = 0

  /** @param announce - writes the row; resolves when others can read it */
  constructor(announce: () => Promise<void>) {
    this.#announce = announce
  }

  get asleep(): boolean {
    return this.#asleep
  }

  wake(): void {
    this.#asleep = false
  }

  /**
   * Begins to sleep. When that has to be announced, looking again follows: whoever enqueued without seeing the
   * announcement has committed by then, or will within moments.
   */
  async begin(lookAgain: (atLatest: number) => void): Promise<void> {
    if (this.#asleep) return
    this.#asleep = true
    this.#slept = true
    if (this.#announced) return
    const beats = this.#silentBeats
    try {
      await this.#announce()
    } catch {
      return
    }
    // A heartbeat that said no meanwhile may have been written after this; it sees to it that this is done again.
    this.#announced = beats === this.#silentBeats
    lookAgain(performance.now() + SECOND_LOOK_MS)
  }

  /** Whether it slept since this was last asked, for the heartbeat to say. */
  takeSlept(): boolean {
    const slept = this.#slept || this.#asleep
    this.#slept = false
    return slept
  }

  /**
   * A heartbeat was written that says whether it slept. One that says no may have overtaken an announcement, so that
   * sleeping has to be announced again.
   *
   * @returns whether it sleeps and nobody knows
   */
  beaten(slept: boolean): boolean {
    if (slept) return false
    this.#announced = false
    this.#silentBeats += 1
    return this.#asleep
  }
}
