import { sqlFiles } from '../../src/migrate/sql-source.ts'
import type { Invariant } from './checker/evidence.ts'
import { LANES, type Lane } from './lanes.ts'
import type { FaultName } from './nemesis.ts'
import type { Mix } from './programs/kinds.ts'
import type { Broken } from './programs/settings.ts'

/** A change to a function of the schema: the text to find, and what stands there instead. */
export interface Edit {
  readonly file: string
  readonly find: string
  readonly replace: string
}

/** A variant that is broken on purpose; a checker that does not notice is worth nothing. */
export interface Control {
  readonly name: string
  /** Which invariants it violates; one of them is enough. */
  readonly caughtBy: readonly Invariant[]
  readonly lane: Lane
  readonly edits: readonly Edit[]
  readonly broken: Broken | null
}

const FENCE = 'where job.id = done.id and job.token = done.token and job.worker_id = p_worker_id'

const CLAIM =
  'update celeriac.jobs as job\n' +
  '    set token = job.token + 1, attempt = job.attempt + 1, worker_id = p_worker_id, claimed_at = v_now'

/** Where holders are held against living rows. */
const LIVING =
  'exists (select from celeriac.jobs as job where job.id = holder and job.worker_id is not null and job.lane_id is not null)'

export const CONTROLS: readonly Control[] = [
  control('results-lost', ['I1'], {
    edits: [
      edit(
        'settle_jobs',
        '      from settled\n      where',
        '      from settled\n      where random() < 0.99 and',
      ),
    ],
  }),
  control('settled-twice', ['I1', 'I4'], {
    edits: [
      edit(
        'settle_jobs',
        '      from settled\n',
        '      from settled cross join generate_series(1, 2) as twice\n',
      ),
    ],
  }),
  control('no-fence', ['I4'], {
    ...zombies(),
    edits: [edit('settle_jobs', FENCE, 'where job.id = done.id')],
  }),
  control('state-only-fence', ['I4'], {
    ...zombies(),
    edits: [edit('settle_jobs', FENCE, 'where job.id = done.id and job.worker_id is not null')],
  }),
  control('token-not-raised', ['I2'], {
    ...faults('kill9'),
    edits: [
      edit(
        'rescue_jobs',
        'set worker_id = null, lane_id = null, token = job.token + 1, losses',
        'set worker_id = null, lane_id = null, token = job.token, losses',
      ),
    ],
  }),
  control('no-warm-up', ['I2'], {
    ...faults('outage-17s', 24),
    edits: [
      edit(
        'find_dead_workers',
        '  if v_by_lock or v_by_lease then',
        '  v_by_lock := true; v_by_lease := true;\n  if true then',
      ),
    ],
  }),
  control('rescue-of-the-living', ['I2', 'I3'], {
    mix: { medium: 5, short: 10, long: 5 },
    edits: [
      edit(
        'find_dead_workers',
        '  return (select array_agg(worker.id order by worker.id) from celeriac.workers as worker where worker.lost_at is not null);',
        '  return (select array_agg(worker.id) from celeriac.workers as worker where worker.id <> p_accuser and random() < 0.2);',
      ),
    ],
  }),
  control('effect-outside', ['I5'], {
    ...faults('kill9'),
    mix: { short: 5, effect: 10 },
    broken: 'effect-outside',
  }),
  control('losses-unbounded', ['I6'], {
    seconds: 30,
    mix: { short: 400, poison: 1 },
    edits: [edit('rescue_jobs', 'job.losses >= p_max_losses or', 'job.losses >= 6 or')],
  }),
  control('late-rescue', ['I7'], {
    ...faults('kill9', 20),
    edits: [
      edit(
        'find_dead_workers',
        "v_grace interval := p_grace_ms * interval '1 millisecond'",
        "v_grace interval := interval '11 s'",
      ),
    ],
  }),
  control('no-rescue', ['I7', 'I10'], {
    ...faults('kill9'),
    drainSeconds: 15,
    edits: [edit('rescue_jobs', '  if v_dead is null then', '  if true then')],
  }),
  control('no-reconcile', ['I7', 'I10'], {
    ...faults('drop-claim'),
    proxied: true,
    drainSeconds: 15,
    edits: [
      edit(
        'release_worker_jobs',
        'where job.token = claim.token and job.worker_id = p_id',
        'where false and job.worker_id = p_id',
      ),
    ],
  }),
  // PostgreSQL promises nothing about how often a subselect in a condition is run; once per row is a plan like any
  // other, and each time it takes the next rows. Here it is made to choose that plan.
  control('claim-without-materialized', ['I6'], {
    mix: { medium: 1 },
    ...{ concurrency: 5, rate: 120, mostHeld: 15 },
    edits: [
      edit(
        'claim_jobs',
        'set enable_seqscan = off\nset enable_bitmapscan = off',
        ['tidscan', 'hashjoin', 'mergejoin', 'hashagg', 'sort', 'material', 'memoize']
          .map((plan) => `set enable_${plan} = off`)
          .join('\n'),
      ),
      edit(
        'claim_jobs',
        'with due as materialized (',
        `with given as (\n    ${CLAIM}\n    where job.ctid in (`,
      ),
      edit(
        'claim_jobs',
        `  ), given as (\n    ${CLAIM}\n    where job.ctid = any (array (select due.ctid from due))`,
        '  )',
      ),
    ],
  }),
  control('edge-counted-twice', ['I13'], {
    ...canvases(),
    edits: [
      edit(
        'advance_dependencies',
        'any (v_done || v_failed) and not edge.counted',
        'any (v_done || v_failed)',
      ),
      edit(
        'settle_jobs',
        'perform celeriac.advance_dependencies(v_nodes || v_ended);',
        'perform celeriac.advance_dependencies(v_nodes || v_ended) from generate_series(1, 2);',
      ),
    ],
  }),
  control('opened-twice', ['I13'], {
    ...canvases(),
    edits: [
      edit(
        'advance_dependencies',
        '      returning job.id, job.queue, job.run_at, job.blockers\n    )\n',
        '      returning job.*\n    ), twin as (\n' +
          '      insert into celeriac.jobs (id, run_at, enqueued_at, workflow_id, max_attempts, priority, queue, task, args)\n' +
          '      select celeriac.new_id(), run_at, enqueued_at, workflow_id, max_attempts, priority, queue, task, args\n' +
          '      from opened where run_at is not null and random() < 0.2\n    )\n',
      ),
    ],
  }),
  control('failure-not-passed-on', ['I13'], {
    ...canvases(),
    drainSeconds: 10,
    edits: [edit('advance_dependencies', 'v_failed || celeriac.fail_below(v_failed)', 'v_failed')],
  }),
  control('join-settled-early', ['I13'], {
    ...canvases(),
    edits: [
      edit(
        'advance_dependencies',
        'filter (where opened.blockers = 0 and opened.run_at is null)',
        'filter (where opened.blockers <= 1 and opened.run_at is null)',
      ),
    ],
  }),
  control('errback-called-twice', ['I13'], {
    ...canvases(),
    edits: [
      edit(
        'enqueue_errbacks',
        '    from distinct_calls\n',
        '    from distinct_calls cross join generate_series(1, 2)\n',
      ),
    ],
  }),
  // Who died without giving his slot back is counted for ever.
  control('slot-leaked', ['I12'], {
    ...limited(),
    edits: ['choose_from_lanes', 'place_lanes', 'spend_units'].map((file) =>
      edit(file, LIVING, `(${LIVING} or holder::text like '%7')`),
    ),
  }),
  // As a statement sees things that began before it had the lock.
  control('limit-from-old-snapshot', ['I12'], {
    ...limited(),
    drainSeconds: 2,
    edits: [
      edit(
        'take_from_lanes',
        '  v_locked := array (\n',
        "  perform set_config('torture.before', (select jsonb_object_agg(bucket.id, (select count(*) from unnest(bucket.holders) as holder\n" +
          '    where exists (select from celeriac.jobs as job where job.id = holder and job.worker_id is not null)))\n' +
          '    from celeriac.buckets as bucket)::text, true);\n' +
          '  perform pg_sleep(0.01);\n' +
          '  v_locked := array (\n',
      ),
      edit(
        'choose_from_lanes',
        'then rule.concurrency - (\n',
        "then rule.concurrency - coalesce((current_setting('torture.before')::jsonb ->> bucket.id::text)::integer, 0) + 0 * (\n",
      ),
    ],
  }),
  // What was enqueued long ago, while everybody was busy, has long paid when it starts: all of it at once.
  control('rate-paid-at-enqueue', ['I12'], {
    ...{ mix: { 'limited-rate': 1 }, rate: 90 },
    edits: [
      edit(
        'take_from_lanes',
        'perform celeriac.spend_units(v_choice.taken, v_now);',
        'perform celeriac.spend_units(v_choice.taken, (select min(job.enqueued_at) from celeriac.jobs as job where job.id = any (v_choice.ids)));',
      ),
    ],
  }),
  control('fired-twice', ['I11'], {
    ...ticking(),
    edits: [
      edit(
        'fire_schedules',
        " and schedule.version = (v_fire ->> 'version')::bigint\n    for update skip locked;",
        ';\n    perform pg_sleep(0.01);',
      ),
      edit('fire_schedules', 'celeriac.fire_id(v_row.name, v_at)', 'celeriac.new_id()'),
      edit(
        'fire_schedules',
        'on conflict do nothing;\n      continue when not found;',
        'on conflict do nothing;',
      ),
    ],
  }),
  control('next-from-now', ['I11'], {
    ...ticking(),
    edits: [
      edit(
        'fire_schedules',
        "      else timestamptz 'epoch' + (v_fire ->> 'next')::double precision * interval '1 millisecond'",
        "      else v_now + coalesce((v_row.rule ->> 'interval')::integer, 1000) * interval '1 millisecond'",
      ),
    ],
  }),
  control('left-open', ['I8'], { broken: 'leaves-open' }),
  control('never-woken', ['I9'], {
    edits: [
      edit(
        'enqueue_jobs',
        '  if exists (select from celeriac.workers as worker where worker.idle) then',
        '  if false then',
      ),
    ],
  }),
  control('overlooked', ['I10'], {
    drainSeconds: 10,
    edits: [
      edit(
        'claim_jobs',
        'and job.worker_id is null',
        "and job.worker_id is null and job.id::text not like '%77'",
      ),
    ],
  }),
  control('speaks', ['I15'], { broken: 'speaks' }),
  control('rejects', ['I15'], { broken: 'rejects' }),
]

/** Those of the smoke lane: quick, four for the database and one for the programs. */
export const QUICK_CONTROLS: readonly string[] = [
  ...['settled-twice', 'join-settled-early', 'limit-from-old-snapshot', 'fired-twice', 'speaks'],
]

/**
 * The broken copy of each function, as SQL to run.
 *
 * @throws {Error} when a text to be replaced is not there any more: the control would prove nothing.
 */
export function brokenFunctions(edits: readonly Edit[]): string[] {
  const texts = new Map<string, string>()
  for (const { file, find, replace } of edits) {
    const text = texts.get(file) ?? sqlFiles().find(({ name }) => name === file)?.text
    if (text === undefined) throw new Error(`there is no function ${file} to break`)
    if (text.split(find).length !== 2) {
      throw new Error(`${file}.sql holds ${text.split(find).length - 1} times, and not once: ${find}`)
    }
    texts.set(
      file,
      text.replace(find, () => replace),
    )
  }
  return [...texts.values()]
}

type Given = Partial<Omit<Control, 'name' | 'caughtBy' | 'lane'>> & Partial<Omit<Lane, 'name'>>

function control(name: string, caughtBy: readonly Invariant[], given: Given): Control {
  const { edits = [], broken = null, ...lane } = given
  const calm = LANES.calm
  if (calm === undefined) throw new Error('there is no calm lane')
  return {
    name,
    caughtBy,
    edits,
    broken,
    lane: {
      ...calm,
      name: `control ${name}`,
      workers: 3,
      rate: 150,
      mix: { short: 85, medium: 10, 'fail-once': 5 },
      operator: false,
      schedules: 0,
      seconds: 6,
      drainSeconds: 40,
      ...lane,
    },
  }
}

function faults(name: FaultName, seconds = 12): Pick<Lane, 'schedule' | 'seconds'> {
  return { schedule: { weights: { [name]: 1 }, everyMs: [1_000, 2_500] }, seconds }
}

/** Mostly canvases. */
function canvases(): { mix: Mix; rate: number } {
  return { mix: { short: 20, canvas: 10 }, rate: 100 }
}

/** Nothing but limited jobs, more at once than may run. */
function limited(): { mix: Mix; rate: number; drainSeconds: number } {
  return { mix: { 'limited-one': 2, 'limited-five': 4, 'limited-burst': 2 }, rate: 100, drainSeconds: 10 }
}

/** Schedules and little else. What is broken there may go on for ever. */
function ticking(): { schedules: number; rate: number; drainSeconds: number } {
  return { schedules: 8, rate: 20, drainSeconds: 3 }
}

/** Jobs that last while their worker is frozen, so that it comes back in the middle of somebody else's attempt. */
function zombies(): Pick<Lane, 'schedule' | 'seconds' | 'mix' | 'workers'> & { mix: Mix } {
  return {
    schedule: { weights: { zombie: 1 }, everyMs: [1_500, 2_500] },
    seconds: 25,
    mix: { short: 30, medium: 30, long: 8 },
    workers: 5,
  }
}

function edit(file: string, find: string, replace: string): Edit {
  return { file, find, replace }
}
