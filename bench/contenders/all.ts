import { bullmqDefault, bullmqTuned } from './bullmq.ts'
import { celeriac } from './celeriac.ts'
import type { Contender } from './contender.ts'
import { graphileDefault, graphileFurther, graphileTuned } from './graphile.ts'
import { pgbossDefault, pgbossTuned } from './pgboss.ts'
import { plain } from './plain.ts'

/** Everything that is measured; celeriac first, and the bare SQL that limits it last. */
export const ALL: readonly Contender[] = [
  celeriac,
  graphileTuned,
  graphileFurther,
  graphileDefault,
  pgbossTuned,
  pgbossDefault,
  bullmqTuned,
  bullmqDefault,
  plain,
]

/** The contender of an id. */
export function contenderOf(id: string): Contender {
  const found = ALL.find((contender) => contender.id === id)
  if (!found) throw new Error(`no contender is called ${id}`)
  return found
}
