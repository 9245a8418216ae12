import type { Schedule } from './nemesis.ts'
import type { Mix } from './programs/kinds.ts'

/** One way to torture: a workload, and what is done to it. */
export interface Lane {
  readonly name: string
  readonly schedule: Schedule
  readonly workers: number
  readonly concurrency: number
  /** Jobs a second. */
  readonly rate: number
  readonly mix: Mix
  /** How many schedules fire meanwhile. */
  readonly schedules: number
  /** Workers connect through proxies. */
  readonly proxied: boolean
  readonly operator: boolean
  /** Length of the phase of faults unless told otherwise. */
  readonly seconds: number
  /** What is left when the faults end must be worked off within so long. */
  readonly drainSeconds: number
  /** Jobs that a worker may hold at once; for workloads of which that can be said. */
  readonly mostHeld: number | null
  /** A network or a clock of the workers' own; see surroundings.ts. */
  readonly strange: 'network' | 'clock' | null
}

/** Mostly short jobs, as many as two cores bear beside everything else; a few of every bad kind. */
export const MIX: Mix = {
  short: 88,
  medium: 6,
  long: 0.4,
  'fail-once': 1.5,
  'fail-always': 0.5,
  block: 0.15,
  never: 0.2,
  suicide: 0.03,
  poison: 0.005,
  odd: 0.4,
  effect: 1.5,
  outside: 1.3,
  canvas: 4,
  'limited-one': 1,
  'limited-five': 1,
  'limited-rate': 1,
  'limited-burst': 1,
}

/** Near to what the limits let through, so that jobs wait for them. */
const LIMITED_MIX: Mix = {
  ...{ short: 20, medium: 3, block: 0.1, suicide: 0.05 },
  ...{ 'limited-one': 50, 'limited-five': 30, 'limited-rate': 45, 'limited-burst': 15 },
}

const PLAIN: Omit<Lane, 'name' | 'schedule'> = {
  workers: 4,
  concurrency: 20,
  rate: 200,
  mix: MIX,
  schedules: 4,
  proxied: false,
  operator: true,
  seconds: 60,
  drainSeconds: 60,
  mostHeld: null,
  strange: null,
}

const SOON = [700, 2_000] as const
const NOW_AND_THEN = [3_000, 8_000] as const

/** Every lane by its name. */
export const LANES: Readonly<Record<string, Lane>> = lanes({
  calm: { schedule: { weights: {}, everyMs: SOON } },
  kill: { schedule: { weights: { kill9: 1 }, everyMs: SOON } },
  term: { schedule: { weights: { term: 3, kill9: 1 }, everyMs: SOON } },
  stop: {
    schedule: {
      weights: { 'freeze-short': 3, 'freeze-lease': 2, 'freeze-long': 2, zombie: 2, kill9: 2 },
      everyMs: NOW_AND_THEN,
    },
    workers: 6,
  },
  pause: { schedule: { weights: { 'freeze-all': 1 }, everyMs: [5_000, 12_000] } },
  pg: {
    schedule: {
      weights: { 'restart-fast': 2, 'restart-immediate': 2, 'restart-long': 1, 'kill-backend': 2, kill9: 4 },
      everyMs: [2_000, 5_000],
    },
  },
  sessions: { schedule: { weights: { terminate: 1 }, everyMs: [800, 1_200] } },
  outages: {
    schedule: { weights: { 'outage-11s': 1 }, everyMs: [3_000, 6_000] },
    seconds: 320,
  },
  proxy: {
    schedule: {
      weights: {
        'drop-claim': 4,
        'drop-claim-silently': 2,
        'drop-heartbeat': 1,
        reset: 2,
        slow: 1,
        kill9: 1,
      },
      everyMs: SOON,
    },
    proxied: true,
  },
  partition: {
    schedule: {
      weights: { 'partition-short': 2, 'partition-long': 2, 'partition-half': 2, reset: 1 },
      everyMs: NOW_AND_THEN,
    },
    proxied: true,
    workers: 6,
  },
  network: {
    schedule: { weights: { 'unplug-short': 2, 'unplug-long': 2, kill9: 1 }, everyMs: NOW_AND_THEN },
    strange: 'network',
    workers: 6,
  },
  limits: {
    schedule: {
      weights: {
        ...{ kill9: 5, term: 3, 'freeze-short': 2, 'freeze-long': 1, zombie: 1, terminate: 1 },
        ...{ 'restart-fast': 1, 'restart-immediate': 1, 'drop-claim': 2, 'partition-short': 1 },
      },
      everyMs: [1_000, 3_000],
    },
    proxied: true,
    workers: 5,
    rate: 150,
    mix: LIMITED_MIX,
    // What outages have left takes its time: ten a second for each key.
    drainSeconds: 150,
  },
  schedules: {
    schedule: {
      weights: {
        ...{ kill9: 6, term: 3, 'freeze-short': 2, 'freeze-long': 1, terminate: 2, 'freeze-all': 0.5 },
        ...{ 'restart-fast': 1, 'restart-immediate': 1, 'outage-17s': 1, 'drop-claim': 2 },
      },
      everyMs: [2_000, 5_000],
    },
    proxied: true,
    workers: 5,
    rate: 30,
    schedules: 24,
  },
  clock: {
    schedule: { weights: { 'step-clock': 4, kill9: 2, 'step-server-clock': 1 }, everyMs: [2_000, 6_000] },
    strange: 'clock',
  },
  all: {
    schedule: {
      weights: {
        ...{ kill9: 6, term: 4, 'freeze-short': 3, 'freeze-long': 1, zombie: 1, terminate: 3 },
        ...{ 'restart-fast': 1, 'restart-immediate': 1, 'restart-long': 1, 'kill-backend': 1 },
        ...{ 'drop-claim': 4, 'drop-claim-silently': 2, reset: 2, 'partition-short': 1, 'partition-long': 1 },
      },
      everyMs: [700, 3_000],
    },
    proxied: true,
    workers: 6,
  },
})

/** A minute for every push: what happens most often, on one version. */
export const SMOKE: Lane = {
  ...PLAIN,
  name: 'smoke',
  schedule: {
    weights: { kill9: 4, term: 3, terminate: 1, 'drop-claim': 3, 'restart-immediate': 0.5 },
    everyMs: [800, 2_000],
  },
  proxied: true,
  workers: 3,
  rate: 100,
  mix: { ...MIX, 'limited-one': 10, 'limited-five': 6, 'limited-rate': 10, 'limited-burst': 6 },
  schedules: 12,
  seconds: 20,
}

function lanes(
  given: Readonly<Record<string, Pick<Lane, 'schedule'> & Partial<Lane>>>,
): Record<string, Lane> {
  return Object.fromEntries(Object.entries(given).map(([name, lane]) => [name, { ...PLAIN, name, ...lane }]))
}
