import type { ClaimedGroup, Floor, Look } from '../db/calls/work-cycle.ts'

/*
 * Where to look for due jobs. Dead index entries of jobs that were claimed and settled stay in front of a queue for as
 * long as anybody holds an old snapshot open, and every claim would walk over all of them: 60 k jobs/s fall to 10 k.
 * So a worker remembers, per queue and priority, the place of the last job it claimed, and looks from there on.
 *
 * That floor is a hint and may be wrong: a transaction that commits late puts a job below it, a job that is given back
 * keeps its place. Three guards see to it that nothing is missed: a wake-up that says from when on the job is due
 * lowers the floor; a full look follows when a floored look comes back short; and one is taken now and then anyway, as
 * often as keeps its share of the time small.
 */

/** Share of the time that full looks may take: after one of c ms, none for c × this. */
const REST = 20
/** Full looks while there is enough work below a short look's notice. */
const BUSY_REST_MS = 500
/** Full looks that follow a short look. */
const SHORT_REST_MS = 50
/** More priorities than these are forgotten; the claim finds them again. */
const MOST_PRIORITIES = 32

/** Below every id: the place before the first job of an instant. */
const FIRST_ID = '00000000-0000-0000-0000-000000000000'

interface Place {
  readonly runAt: string
  readonly id: string
}

export class Floors {
  readonly #queues = new Map<string, Map<number, Place | null>>()
  /** Raised whenever a floor is lowered, so that an answer on its way cannot raise it again unseen. */
  #epoch = 0
  #restUntil = 0
  #lastFullAt = Number.NEGATIVE_INFINITY

  /** @param queues - names, in no particular order */
  constructor(queues: readonly string[]) {
    for (const queue of queues) this.#queues.set(queue, new Map())
  }

  /** Queues that have joined are looked at from their beginning. */
  admit(queues: readonly string[]): void {
    for (const queue of queues) if (!this.#queues.has(queue)) this.#queues.set(queue, new Map())
  }

  get epoch(): number {
    return this.#epoch
  }

  /** Where to look in these queues, in this order; from the start of each when `full`. */
  looks(queues: readonly string[], full: boolean): Look[] {
    return queues.map((queue) => {
      const places = [...(this.#queues.get(queue) ?? [])].sort(([one], [other]) => other - one)
      return [
        queue,
        places.map(
          ([priority, place]): Floor => [
            priority,
            full ? null : (place?.runAt ?? null),
            full ? null : (place?.id ?? null),
          ],
        ),
      ]
    })
  }

  /** Takes over what an answer says, unless a floor was lowered while it was on its way. */
  learn(groups: readonly ClaimedGroup[], epoch: number): void {
    for (const { queue, priority, lastRunAt, jobs } of groups) {
      const places = this.#queues.get(queue)
      const last = jobs.at(-1)
      if (places === undefined) continue
      if (lastRunAt === null || last === undefined) {
        if (!places.has(priority)) places.set(priority, null)
        continue
      }
      const place = places.get(priority) ?? null
      const reached = { runAt: lastRunAt, id: last[0] }
      if (epoch === this.#epoch && (place === null || isBehind(place, reached))) {
        places.delete(priority)
        places.set(priority, reached)
      }
      for (const oldest of [...places.keys()].slice(0, Math.max(0, places.size - MOST_PRIORITIES))) {
        places.delete(oldest)
      }
    }
  }

  /** A job of the queue is due from an instant on; whether a floor had to be lowered for it. */
  lower(queue: string, runAtUs: bigint): void {
    const places = this.#queues.get(queue)
    if (places === undefined) return
    for (const [priority, place] of places) {
      if (place === null || microseconds(place.runAt) < runAtUs) continue
      // Down to that instant and no further: with many producers that happens all the time.
      places.set(priority, runAtUs <= 0n ? null : { runAt: instantOf(runAtUs), id: FIRST_ID })
      this.#epoch += 1
    }
  }

  /** Whether the next look may be a full one; a short look before it makes that more urgent. */
  mayLookFully(now: number, afterShort: boolean): boolean {
    return now >= this.nextFullAt(afterShort)
  }

  /** From when on a full look is allowed. */
  nextFullAt(afterShort: boolean): number {
    return Math.max(this.#restUntil, this.#lastFullAt + (afterShort ? SHORT_REST_MS : BUSY_REST_MS))
  }

  /** A full look took this long. */
  lookedFully(now: number, tookMs: number): void {
    this.#lastFullAt = now
    this.#restUntil = now + tookMs * REST
  }
}

function isBehind(place: Place, other: Place): boolean {
  // ISO 8601 in one zone, but digits of a second are left out when they are zero: compared as numbers.
  const [one, two] = [microseconds(place.runAt), microseconds(other.runAt)]
  return one < two || (one === two && place.id < other.id)
}

/** An instant with all its digits, as PostgreSQL reads it. */
function instantOf(us: bigint): string {
  const whole = new Date(Number(us / 1_000_000n) * 1000).toISOString().slice(0, 19)
  return `${whole}.${(us % 1_000_000n).toString().padStart(6, '0')}Z`
}

/** Microseconds since 1970 of what PostgreSQL writes as JSON: `2026-11-21T08:30:46.431378+00:00`. */
export function microseconds(instant: string): bigint {
  const ms = Date.parse(instant)
  if (Number.isNaN(ms)) return 0n
  const fraction = /\.(\d+)/.exec(instant)?.[1] ?? ''
  return BigInt(Math.floor(ms / 1000)) * 1_000_000n + BigInt(fraction.padEnd(6, '0').slice(0, 6))
}
