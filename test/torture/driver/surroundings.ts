import { clocksOfTheirOwn } from './clock.ts'
import type { Wrapping } from './fleet.ts'
import { networksOfTheirOwn } from './network.ts'
import type { TortureServer } from './server.ts'

/** Where the workers of a lane live: plainly here, each on a network of its own, or each under a clock of its own. */
export interface Surroundings extends AsyncDisposable {
  readonly wrap: (name: string) => Wrapping | undefined
  /** Pulls the plug of a worker, or puts it in again. */
  readonly plug?: (name: string, plugged: boolean) => void
  /** Steps the clock of a worker; an offset as `+3h`, or a speed as `+0 x10`. */
  readonly setClock?: (name: string, offset: string) => void
  /** Steps the clock of the server forward; it restarts for it. */
  readonly setServerClock?: (hours: number) => Promise<void>
}

/** Prepares them. @throws {Unavailable} when this machine cannot. */
export async function surroundingsOf(
  strange: 'network' | 'clock' | null,
  server: TortureServer,
): Promise<Surroundings> {
  if (strange === 'network') return networksOfTheirOwn(server)
  if (strange === 'clock') return clocksOfTheirOwn(server)
  return { wrap: () => undefined, [Symbol.asyncDispose]: async () => undefined }
}
