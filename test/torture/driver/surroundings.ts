import type { Wrapping } from './fleet.ts'
import type { TortureServer } from './server.ts'

/** Where the workers of a lane live: plainly here, on a network of their own, or under a clock of their own. */
export interface Surroundings extends AsyncDisposable {
  readonly wrap: (name: string) => Wrapping | undefined
}

/** Prepares them. @throws {Unavailable} when this machine cannot. */
export async function surroundingsOf(
  strange: 'network' | 'clock' | null,
  _server: TortureServer,
): Promise<Surroundings> {
  if (strange !== null) throw new Unavailable(`${strange}: not built yet`)
  return { wrap: () => undefined, [Symbol.asyncDispose]: async () => undefined }
}

/** What a lane needs is not on this machine; the lane is skipped, and says so. */
export class Unavailable extends Error {}
