import * as database from './faults/database.ts'
import { type Fault, pause, type Stage } from './faults/fault.ts'
import * as network from './faults/network.ts'
import * as processes from './faults/process.ts'
import * as time from './faults/time.ts'

/** Every fault by its name. */
const FAULTS = {
  kill9: processes.kill9,
  term: processes.term,
  'freeze-short': processes.freeze(500, 2_000),
  'freeze-lease': processes.freeze(9_000, 14_000),
  'freeze-long': processes.freeze(17_000, 30_000),
  zombie: processes.zombie,
  'freeze-all': processes.freezeAll,
  'restart-fast': database.restart('fast', 300, 3_000),
  'restart-immediate': database.restart('immediate', 300, 3_000),
  'restart-long': database.restart('immediate', 3_000, 11_000),
  'outage-11s': database.restart('fast', 11_000, 11_000),
  'outage-17s': database.restart('fast', 17_000, 17_000),
  terminate: database.terminateBackends,
  'kill-backend': database.killBackend,
  'drop-claim': network.dropReply(/work_cycle/, 'reset'),
  'drop-claim-silently': network.dropReply(/work_cycle/, 'silence'),
  'drop-heartbeat': network.dropReply(/record_heartbeat/, 'reset'),
  reset: network.reset,
  slow: network.slow,
  'partition-short': network.partition(2_000, 8_000, 'toServer', 'toClient'),
  'partition-long': network.partition(17_000, 30_000, 'toServer', 'toClient'),
  'partition-half': network.partition(5_000, 25_000, 'toClient'),
  'unplug-short': network.unplug(2_000, 8_000),
  'unplug-long': network.unplug(17_000, 30_000),
  'step-clock': time.stepClock,
  'step-server-clock': time.stepServerClock,
} as const satisfies Readonly<Record<string, Fault>>

export type FaultName = keyof typeof FAULTS

/** Which faults, how often against each other, and how far apart. */
export interface Schedule {
  readonly weights: Readonly<Partial<Record<FaultName, number>>>
  readonly everyMs: readonly [from: number, to: number]
}

/** Faults of the database come one at a time; a second one would only hide the first. */
const OF_THE_DATABASE = /^(restart|outage|kill-backend|freeze-all|step-server-clock)/

/**
 * Does harm by a schedule until it is told to end, and then lets go of everything it holds.
 *
 * @returns how often each fault was done
 */
export async function torment(stage: Stage, { weights, everyMs }: Schedule): Promise<Record<string, number>> {
  const done: Record<string, number> = {}
  const underWay = new Set<Promise<void>>()
  let database: Promise<void> | null = null
  if (Object.keys(weights).length === 0) await pause(2 ** 31 - 1, stage.over)
  while (!stage.over.aborted) {
    await pause(stage.random.integer(...everyMs), stage.over)
    if (stage.over.aborted) break
    const name = stage.random.weighted(weights)
    if (OF_THE_DATABASE.test(name)) {
      if (database !== null) continue
      database = FAULTS[name](stage).finally(() => {
        database = null
      })
      underWay.add(database)
    } else {
      // Others need the database for what they do.
      if (database !== null && /^(zombie|terminate)/.test(name)) continue
      underWay.add(FAULTS[name](stage))
    }
    done[name] = (done[name] ?? 0) + 1
  }
  await Promise.all(underWay)
  return done
}
