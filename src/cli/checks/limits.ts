/** Where checks draw the line. */
export interface Limits {
  /** The oldest server that can hold the schema, as `server_version_num`. */
  readonly oldestServer: number
  /** Part of the places for sessions that may be taken. */
  readonly crowded: number
  /** By how much clocks may differ. */
  readonly clockMs: number
  /** A snapshot of this age keeps enough dead rows to be felt. */
  readonly snapshotMs: number
  /** Where the age is not known: transactions begun since. */
  readonly snapshotXids: number
  /** Dead rows of a table that claims begin to feel. */
  readonly deadRows: number
  /** A holder of this age is why there are dead rows, and not just somebody who passes by. */
  readonly holderMs: number
  /** Autovacuum looks at a table once a minute. */
  readonly unvacuumedMs: number
  /** Transactions before the server stops to protect what is not frozen; it warns at some 40 million less. */
  readonly frozenXids: number
  /** Part of the queue of notifications that may be full. */
  readonly notifyQueue: number
  /** How long the server may wait for a listener to read. */
  readonly deafMs: number
  /** Days that have partitions ahead of today. */
  readonly daysAhead: number
  /** How long a job may be due while somebody could run it. */
  readonly unclaimedMs: number
}

export const LIMITS: Limits = {
  oldestServer: 150_000,
  crowded: 0.9,
  clockMs: 1_000,
  snapshotMs: 5 * 60_000,
  snapshotXids: 100_000,
  deadRows: 50_000,
  holderMs: 60_000,
  unvacuumedMs: 10 * 60_000,
  frozenXids: 1_000_000_000,
  notifyQueue: 0.01,
  deafMs: 30_000,
  daysAhead: 2,
  unclaimedMs: 10_000,
}
