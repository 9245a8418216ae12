/** What is promised, in ms unless said otherwise; see FAULTS: invariants and recovery classes. */
export interface Bounds {
  /** Silence after which others may take a worker's jobs. */
  readonly leaseMs: number
  readonly beatMs: number
  /** How long before the end of its lease a worker that is not heard stops. */
  readonly fenceBeforeMs: number
  /** How long a presence lock must be free before it counts. */
  readonly graceMs: number
  /** What a thawed process may still do before it knows. */
  readonly thawMs: number
  /** Workers that die and take the job along; one more fails it. */
  readonly maxLosses: number
  /** Of what every job carries, in milliseconds of the machine being busy with other things. */
  readonly slackMs: number
  /** Time limit of the task that never settles. */
  readonly neverMs: number
  readonly recovery: Readonly<Record<RecoveryClass, number>>
  /** p99 from enqueue to start with idle workers. */
  readonly wakeUpMs: number
  /** Transactions a second of one idle worker. */
  readonly idleTransactions: number
  /** Jobs that a worker may hold at once, claimed and not settled; null where nothing is said. */
  readonly mostHeld: number | null
  /** With workers that live: how long nothing may begin that waits and might, or an instant may wait to be dealt with. */
  readonly stallMs: number
  /** From SIGTERM to the end of the process. */
  readonly stopMs: number
}

/**
 * R1 a process died · R2 a process is out of reach · R3 only the lease tells, as after a restart of the server ·
 * R4 the server is back · R6 the answer to a claim got lost · R7 a handler that never settles
 */
export type RecoveryClass = 'R1' | 'R2' | 'R3' | 'R4' | 'R6' | 'R7'

export const BOUNDS: Bounds = {
  leaseMs: 15_000,
  beatMs: 3_000,
  fenceBeforeMs: 5_000,
  graceMs: 1_500,
  thawMs: 250,
  maxLosses: 3,
  slackMs: 1_000,
  neverMs: 1_000,
  recovery: { R1: 5_000, R2: 20_000, R3: 20_000, R4: 3_000, R6: 10_000, R7: 2_000 },
  wakeUpMs: 250,
  idleTransactions: 20,
  mostHeld: null,
  stallMs: 5_000,
  stopMs: 8_000,
}
