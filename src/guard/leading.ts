/** Silence of whoever leads after which somebody else does. */
const LEADERLESS_MS = { least: 800, spread: 300 } as const
/** Who has only just started is not believed yet (find_dead_workers), so that others had better lead. */
const YOUNG_MS = { least: 1_600, spread: 300 } as const
/** Who hears nothing does not know whether anybody leads, and tries now and then. */
const DEAF_MS = { least: 1_500, spread: 1_000 } as const
/** Anybody can say that he leads: a round now and then needs no leave. */
const PATROL_MS = { least: 25_000, spread: 10_000 } as const

/**
 * Whether this process does the maintenance. Whoever leads says so with every round; who does not hear it any more
 * leads. Two that do notice each other and one gives way; until then the rounds' lock keeps them apart. No lock lasts
 * longer than a round: a frozen process would keep it.
 */
export class Leading {
  readonly #begins: () => void
  #leads = false
  #hearing = false
  #quietUntil = performance.now() + pause(YOUNG_MS)
  #patrolAt = performance.now() + pause(PATROL_MS)

  /** @param begins - told when it begins to lead */
  constructor(begins: () => void) {
    this.#begins = begins
  }

  get leads(): boolean {
    return this.#leads
  }

  /** Whether notifications arrive. */
  set hearing(hears: boolean) {
    this.#hearing = hears
  }

  /** Another worker leads: of two, the one with the smaller id goes on. */
  heard(leader: string, own: string): void {
    if (!this.#leads || leader < own) this.#wait()
  }

  /** Somebody else was doing a round just when we wanted to. */
  yield(): void {
    this.#wait()
  }

  watch(now: number): void {
    const patrols = now >= this.#patrolAt
    if (patrols) this.#patrolAt = now + pause(PATROL_MS)
    if (now < this.#quietUntil && !(patrols && !this.#leads)) return
    const onlyOnce = now < this.#quietUntil || !this.#hearing
    const begins = !this.#leads
    this.#leads = true
    this.#quietUntil = Number.POSITIVE_INFINITY
    if (begins) this.#begins()
    if (onlyOnce) this.#wait()
  }

  #wait(): void {
    this.#leads = false
    this.#quietUntil = performance.now() + pause(this.#hearing ? LEADERLESS_MS : DEAF_MS)
  }
}

function pause({ least, spread }: { readonly least: number; readonly spread: number }): number {
  return least + Math.random() * spread
}
