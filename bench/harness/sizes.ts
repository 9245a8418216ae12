/** Every figure that says how much is measured, in one place. Seconds and counts. */
export interface Sizes {
  readonly rounds: number
  readonly drainJobs: number
  readonly drainSeconds: number
  readonly callerSeconds: number
  readonly singleSeconds: number
  readonly bulkJobs: number
  readonly latencySamples: number
  readonly latencySeconds: number
  readonly snapshotSeconds: number
  readonly snapshotWindowSeconds: number
  readonly snapshotJobs: number
  readonly backlogJobs: number
  readonly scheduledJobs: number
  readonly settledJobs: number
  readonly firstJobs: number
  readonly backlogRepeats: number
  readonly chordMembers: number
  readonly chainSteps: number
  readonly chains: number
  readonly limitedJobs: number
  readonly limitKeys: number
  readonly transactionSeconds: number
  readonly idleSettleSeconds: number
  readonly idleSeconds: number
  readonly costJobs: number
  readonly importRuns: number
  readonly rescueKills: number
}

const FULL: Sizes = {
  rounds: 3,
  drainJobs: 200_000,
  drainSeconds: 10,
  callerSeconds: 4,
  singleSeconds: 3,
  bulkJobs: 100_000,
  latencySamples: 300,
  latencySeconds: 25,
  snapshotSeconds: 50,
  snapshotWindowSeconds: 10,
  snapshotJobs: 1_000_000,
  backlogJobs: 10_000_000,
  scheduledJobs: 1_000_000,
  settledJobs: 10_000_000,
  firstJobs: 20_000,
  backlogRepeats: 7,
  chordMembers: 10_000,
  chainSteps: 1_000,
  chains: 10_000,
  limitedJobs: 40_000,
  limitKeys: 10_000,
  transactionSeconds: 5,
  idleSettleSeconds: 6,
  idleSeconds: 20,
  costJobs: 100_000,
  importRuns: 15,
  rescueKills: 30,
}

const QUICK: Sizes = {
  rounds: 1,
  drainJobs: 30_000,
  drainSeconds: 1.5,
  callerSeconds: 0.6,
  singleSeconds: 0.5,
  bulkJobs: 20_000,
  latencySamples: 40,
  latencySeconds: 1.5,
  snapshotSeconds: 5,
  snapshotWindowSeconds: 1,
  snapshotJobs: 50_000,
  backlogJobs: 100_000,
  scheduledJobs: 10_000,
  settledJobs: 100_000,
  firstJobs: 20_000,
  backlogRepeats: 2,
  chordMembers: 2_000,
  chainSteps: 100,
  chains: 1_000,
  limitedJobs: 6_000,
  limitKeys: 2_000,
  transactionSeconds: 1,
  idleSettleSeconds: 0.5,
  idleSeconds: 1.5,
  costJobs: 10_000,
  importRuns: 3,
  rescueKills: 6,
}

/** The sizes of a run; `scale` multiplies what stands in the tables of P6 and P7. */
export function sizesOf(run: { quick: boolean; rounds?: number | undefined; scale: number }): Sizes {
  const base = run.quick ? QUICK : FULL
  return {
    ...base,
    rounds: run.rounds ?? base.rounds,
    snapshotJobs: Math.round(base.snapshotJobs * run.scale),
    backlogJobs: Math.round(base.backlogJobs * run.scale),
    scheduledJobs: Math.round(base.scheduledJobs * run.scale),
    settledJobs: Math.round(base.settledJobs * run.scale),
  }
}
