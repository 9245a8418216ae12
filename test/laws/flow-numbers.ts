/** What limits, unique keys, locks, queues, routes and schedules promise, by number; a few words each. */
export const FLOW: Readonly<Record<string, string>> = {
  'T-80': 'a rate holds for all workers together',
  'T-81': 'starts are spread evenly, and a burst is what allows several at once',
  'T-82': 'what is held back blocks nothing and holds no slot',
  'T-83': 'limits by key, and several of them',
  'T-84': 'changed at run time, stored, and lifted again',
  'T-85': 'retries are starts',
  'T-86': 'priority, then order of arrival, within a key',
  'T-87': 'a crash leaks nothing',
  'T-88': 'a group at a rate',
  'T-89': 'says why it waits, and until when',
  'T-109': 'one job at a time holds a key',
  S12: 'exact over the window',
  S46: 'a lock skips or waits',
  S50: 'a lock is never held twice, and falls with its process',
  S89: 'services progress independently',
  'W-80': 'queues that are named, and those that are left out',
  'W-81': 'a queue nobody knows',
  'W-82': 'queues added to a running worker',
  'W-83': 'a queue of one worker',
  'W-84': 'a copy for each worker',
  'W-85': 'copies for workers that come later',
  'W-86': 'order of claims, and of queues',
  'W-87': 'how many at once, by task, key and queue',
  'W-88': 'a paused queue',
  'R-1': 'the default queue',
  'R-2': 'declared queues, and others',
  'R-3': 'exact names',
  'R-4': 'exact before patterns',
  'R-5': 'patterns, in their order',
  'R-6': 'regular expressions',
  'R-7': 'functions',
  'R-8': 'lists of routers',
  'R-9': 'a router of another module',
  'R-10': 'the call wins',
  'R-11': 'routes set more than the queue',
  'R-12': 'routers see the args',
  'R-13': 'a router that throws',
  'R-14': 'routes hold for every way to enqueue',
  'R-15': 'patterns of topics',
  'R-16': 'a copy for each worker, by a route',
  'R-17': 'priorities of queues',
  'R-18': 'queues are listed',
  'R-19': 'purge',
  'R-20': 'move',
  'R-21': 'routed anew',
  'R-22': 'a queue nobody serves is told',
  'R-23': 'names of queues',
  'R-24': 'routed by labels',
  ...Object.fromEntries(
    [
      ...range(1, 15),
      ...range(20, 27),
      ...range(30, 54),
      ...range(60, 65),
      ...range(70, 78),
      ...range(80, 90),
    ].map((number) => [`B-${number}`, 'a promise of schedules']),
  ),
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}

const NOT_YET = 'does not exist yet'
const SUN = `${NOT_YET}: events of the sun`

/** Why a promise has no test. */
export const FLOW_NOT_PROVEN: Readonly<Record<string, string>> = {
  'W-82': `${NOT_YET}: workers are not changed from afar`,
  'W-83': `${NOT_YET}: a queue of one worker`,
  'W-84': `${NOT_YET}: copies for each worker`,
  'W-85': `${NOT_YET}: see W-84`,
  'R-16': `${NOT_YET}: see W-84`,
  'B-1': 'there is no process of its own: every worker fires',
  'B-6': 'results expire without a schedule',
  'B-61': SUN,
  'B-62': SUN,
  'B-63': SUN,
  'B-65': `${NOT_YET}: rules of a class of one's own`,
}
