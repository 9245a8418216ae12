import type { Fleet } from '../driver/fleet.ts'
import type { TortureServer } from '../driver/server.ts'
import type { Surroundings } from '../driver/surroundings.ts'
import type { HistoryWriter } from '../history/writer.ts'
import type { Random } from '../random.ts'

/** What a fault may lay hands on. */
export interface Stage {
  readonly fleet: Fleet
  readonly server: TortureServer
  readonly database: string
  readonly history: HistoryWriter
  readonly random: Random
  readonly surroundings: Surroundings
  /** Aborts when the faults are to end: whatever is held is let go of. */
  readonly over: AbortSignal
}

/** Does harm, and resolves when it is over. */
export type Fault = (stage: Stage) => Promise<void>

/** Waits, or until the faults are to end. */
export function pause(ms: number, over: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (over.aborted) {
      resolve()
      return
    }
    const done = (): void => {
      clearTimeout(timer)
      over.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    over.addEventListener('abort', done, { once: true })
  })
}
