import { describe, expect, test } from 'vitest'
import { filesOf, modules, placesOf, type Source } from './sources.ts'
import { textsThatWrite, type Write, waitingLocksOf, writesOf } from './sql-writes.ts'

const functions = filesOf('sql/functions', '.sql')
const writes = functions.flatMap(writesOf)

/** Writes of jobs that need no fence, and why. */
const UNFENCED: Readonly<Record<string, string>> = {
  'cancel_jobs: update jobs': 'asks for a cancel; who runs the job keeps it',
  'forget_jobs: update jobs': 'an option for when it is settled; who runs the job keeps it',
  'enqueue_jobs: delete jobs': 'its own inserts, which nobody else can see yet',
  'replace_node: update jobs': 'called by settle_jobs for an attempt that has just matched its token',
}

const LOCKED_BELOW = 'whoever settles a node has locked what is below it, in one go and in order (find_below)'
const LOCKED_BEFORE = 'rerun_jobs locks all of them, in order, before it writes any'

/** Writes of several rows that wait for locks in no order that the text shows, and why none can meet another so. */
const UNORDERED: Readonly<Record<string, string>> = {
  'settle_jobs: delete jobs':
    'walks the ids in their order and looks each up: no other join is allowed to it',
  'enqueue_jobs: delete jobs': 'its own inserts, which nobody else can see yet',
  'take_from_lanes: update jobs': 'locked by the statement before, which skips what others hold',
  'advance_dependencies: delete jobs': LOCKED_BELOW,
  'advance_dependencies: update jobs': LOCKED_BELOW,
  'fail_below: delete jobs': LOCKED_BELOW,
  'add_members: update jobs': LOCKED_BELOW,
  'rerun_jobs: update jobs': LOCKED_BEFORE,
  'rerun_jobs: update jobs #2': LOCKED_BEFORE,
  'rerun_jobs: delete results': LOCKED_BEFORE,
  'undo_additions: update jobs': LOCKED_BEFORE,
  'undo_additions: update results': 'settled jobs of handlers that run again, under the locks of those',
  'fail_below: update results':
    'joins that failed before: whoever ends their members does it under the lock of those',
  'drop_values: update results': 'values of settled nodes, by whoever settles the last that needed them',
  'expire_jobs: delete jobs': 'locked in the statement before, with skip locked',
  'rescue_jobs: update jobs': 'locked in the statement before, with skip locked',
  'rescue_jobs: delete jobs': 'locked in the statement before, with skip locked',
  'replace_jobs: update jobs': 'held back by the statement before, in the order of their ids',
  'prune_results: delete listeners': 'each process writes one row there, its own',
}

/** Texts run as SQL that write rows, and which. */
const DYNAMIC: Readonly<Record<string, string>> = {
  'sql/functions/maintain/prune_results.sql': 'days of results and attempts, with skip locked',
}

/** Why a write of jobs may be done; null when it may not. */
function fenceOf({ verb, text, conditions, kept }: Write): string | null {
  const has = (pattern: RegExp): boolean => conditions.some((condition) => pattern.test(condition))
  if (has(/^\w+\.token = \w+\.token$/) && has(/^\w+\.worker_id = p_\w+$/)) return 'its own attempt'
  if (has(/^(?:\w+\.)?worker_id is null$/)) return 'not held'
  if (verb === 'update' && /\bset\b[^;]*\btoken = \w+\.token \+ 1\b/.test(text)) return 'raises the token'
  if (verb === 'delete' && /\btoken \+ 1\b/.test(kept)) return 'raises the token'
  return null
}

const ONE_ROW = /^(?:\w+\.)?id = p_\w+$/
const BY_ID = /\border by \w+\.(?:id|job_id)\b/

/** Whether rows are locked one by one in the order of their ids, or without waiting, or there is but one. */
function isOrdered({ text, sources, conditions }: Write): boolean {
  if (conditions.some((condition) => ONE_ROW.test(condition))) return true
  return [text, ...sources].some(
    (part) => /\bskip locked\b/.test(part) || (/\bfor (?:no key )?update\b/.test(part) && BY_ID.test(part)),
  )
}

describe('writes of jobs', () => {
  const ofJobs = writes.filter(({ table }) => table === 'jobs')

  test('match the token, raise it, or touch what nobody runs', () => {
    const open = ofJobs.filter((write) => fenceOf(write) === null && !(write.name in UNFENCED))
    expect(open.map(({ place, name }) => `${place} ${name}`)).toEqual([])
  })

  test('are all found', () => {
    const code = functions.map(({ text }) => text.replaceAll(/--.*$/gm, '')).join('\n')
    expect(ofJobs).toHaveLength(code.match(/\b(?:update|delete from) celeriac\.jobs\b/g)?.length ?? 0)
    expect(ofJobs.length).toBeGreaterThan(10)
  })

  test('would be found if they lost their fence', () => {
    const bared = functions.map(({ path, text }) => ({
      path,
      text: text
        .replaceAll(/\w+\.token = \w+\.token\b/g, 'true')
        .replaceAll(/\bworker_id is null\b/g, 'is_due')
        .replaceAll(/\btoken \+ 1\b/g, 'token'),
    }))
    const fenced = bared
      .flatMap(writesOf)
      .filter((write) => write.table === 'jobs' && fenceOf(write) !== null)
    expect(fenced.map(({ place, name }) => `${place} ${name}`)).toEqual([])
  })

  test('stand in functions only', () => {
    expect(
      placesOf(modules(), /\b(?:update|delete from|merge into|truncate) "?[^\s"]*"?\.?"?jobs\b/g),
    ).toEqual([])
  })
})

describe('writes of several rows', () => {
  const shared = [
    'jobs',
    'results',
    'attempts',
    'workers',
    'listeners',
    'results_default',
    'attempts_default',
  ]

  test('lock them in the order of their ids, or without waiting', () => {
    const open = writes
      .filter(({ table }) => shared.includes(table))
      .filter((write) => !isOrdered(write) && !(write.name in UNORDERED))
    expect(open.map(({ place, name }) => `${place} ${name}`)).toEqual([])
  })

  test('no select waits for locks in another order', () => {
    const open = functions
      .flatMap(waitingLocksOf)
      .filter(({ text }) => !BY_ID.test(text) && !/\b\w+\.id = p_\w+/.test(text))
    expect(open.map(({ place }) => place)).toEqual([])
  })

  test('no text is run as SQL that writes rows, unless it is known', () => {
    const places = functions.flatMap(textsThatWrite).map((place) => place.replace(/:\d+$/, ''))
    expect([...new Set(places)]).toEqual(Object.keys(DYNAMIC))
  })
})

test('no reason outlives its write', () => {
  const needless = (
    reasons: Readonly<Record<string, string>>,
    allowed: (write: Write) => boolean,
  ): string[] =>
    Object.keys(reasons).filter((name) => {
      const write = writes.find((one) => one.name === name)
      return write === undefined || allowed(write)
    })
  expect(needless(UNFENCED, (write) => fenceOf(write) !== null)).toEqual([])
  expect(needless(UNORDERED, isOrdered)).toEqual([])
})

describe('the finder', () => {
  const first = (text: string): Write => {
    const [write] = writesOf({ path: 'sql/functions/job/some.sql', text } satisfies Source)
    if (write === undefined) throw new Error('nothing found')
    return write
  }

  test.each([
    ['by id alone', `update celeriac.jobs as job set progress = p_value where job.id = p_id;`],
    [
      'by token alone',
      `update celeriac.jobs as job set progress = '1' where job.id = x.id and job.token = x.token;`,
    ],
    [
      'by worker alone',
      `delete from celeriac.jobs as job where job.id = x.id and job.worker_id = p_worker_id;`,
    ],
    ['by one of two', `delete from celeriac.jobs as job where job.id = x.id or job.worker_id is null;`],
    [
      'in a comment',
      `update celeriac.jobs as job set a = 1 where job.id = x.id -- and job.worker_id is null\n;`,
    ],
    [
      'in a text',
      `update celeriac.jobs as job set a = 1 where job.id = x.id and a <> 'and job.worker_id is null';`,
    ],
    [
      'in parentheses',
      `delete from celeriac.jobs as job where (job.worker_id is null or true) and job.id = x.id;`,
    ],
    [
      'in a subquery that it does not use',
      `with mine as (select job.id from celeriac.jobs as job where job.worker_id is null order by job.id for update)
        delete from celeriac.jobs as job where job.id = any (p_ids);`,
    ],
    [
      'in history of other rows',
      `with mine as (select job.id from celeriac.jobs as job where job.id = any (p_ids)), other as (select 1 as token),
        kept as (insert into celeriac.results (token) select token + 1 from other)
        delete from celeriac.jobs as job using mine where job.id = mine.id;`,
    ],
    ['with a token that falls', `update celeriac.jobs as job set token = job.token - 1 where job.id = x.id;`],
    ['by merge', `merge into celeriac.jobs as job using x on job.id = x.id when matched then delete;`],
    ['by truncate', `truncate celeriac.jobs;`],
  ])('refuses a write fenced %s', (_, text) => {
    expect(fenceOf(first(text))).toBeNull()
  })

  test.each([
    [
      'its own attempt',
      `with mine as materialized (select job.id from done join celeriac.jobs as job on job.id = done.id
          where job.token = done.token and job.worker_id = p_worker_id order by job.id for update of job)
        update celeriac.jobs as job set worker_id = null from mine where job.id = mine.id;`,
    ],
    [
      'raises the token',
      `update celeriac.jobs as job set worker_id = null, token = job.token + 1 where job.worker_id = any (v_dead);`,
    ],
    ['not held', `delete from celeriac.jobs as job where job.worker_id is null and job.id = any (p_ids);`],
  ])('sees: %s', (fence, text) => {
    expect(fenceOf(first(text))).toBe(fence)
  })

  test.each([
    ['many without an order', `delete from celeriac.results as result where result.id = any (p_ids);`],
    [
      'rows of a subquery in another order',
      `with mine as (select job.id from celeriac.jobs as job order by job.run_at for update)
        delete from celeriac.jobs as job using mine where job.id = mine.id;`,
    ],
    [
      'rows beside the locked ones',
      `with mine as (select job.id from celeriac.jobs as job order by job.id for update)
        delete from celeriac.jobs as job where job.id = any (p_ids);`,
    ],
  ])('refuses to lock %s', (_, text) => {
    expect(isOrdered(first(text))).toBe(false)
  })

  test.each([
    ['one row', `delete from celeriac.workers as worker where worker.id = p_id;`],
    [
      'rows in order',
      `with mine as (select job.id from celeriac.jobs as job order by job.id for update)
        delete from celeriac.jobs as job using mine where job.id = mine.id;`,
    ],
    [
      'rows without waiting',
      `delete from celeriac.workers as worker where worker.id = any (array (
        select dead.id from celeriac.workers as dead for update skip locked));`,
    ],
  ])('sees: %s', (_, text) => {
    expect(isOrdered(first(text))).toBe(true)
  })

  test('sees locks that wait', () => {
    const waits = (text: string): number => waitingLocksOf({ path: 'some.sql', text }).length
    expect(waits('perform from celeriac.jobs as job for update;')).toBe(1)
    expect(waits('select 1 from a where (select 1 from b for no key update of b);')).toBe(1)
    expect(waits('perform from celeriac.jobs as job for update skip locked;')).toBe(0)
    expect(waits('perform from celeriac.jobs as job for update of job skip locked;')).toBe(0)
  })

  test('sees texts that write', () => {
    const texts = (text: string): string[] => textsThatWrite({ path: 'some.sql', text })
    expect(texts(`execute 'delete from celeriac.jobs';`)).toEqual(['some.sql:1'])
    expect(texts(`execute format('update celeriac.%I set a = 1', v_table);`)).toEqual(['some.sql:1'])
    expect(texts(`raise exception 'cannot update it';`)).toEqual([])
  })
})
