import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { Celeriac, isCeleriacError } from '../../../src/index.ts'
import { HistoryWriter } from '../history/writer.ts'
import { Random } from '../random.ts'
import { allowancesOf } from './limited.ts'
import { readSettings } from './settings.ts'
import { TICK_TASK } from './ticks.ts'

/** A person with a dashboard: cancels, retries and kills jobs, holds limits and tidies up while everything goes on. */

const { name, url, folder, seed } = readSettings()
const history = new HistoryWriter(folder, name)
const random = new Random(`${seed} ${name}`)
const app = new Celeriac({ database: url, log: 'silent' })
const pool = new pg.Pool({
  connectionString: url,
  max: 1,
  connectionTimeoutMillis: 5_000,
  application_name: 'psql',
})
pool.on('error', () => undefined)
pool.on('connect', (client) => client.on('error', () => undefined))

const VERBS = { cancel: 4, retry: 4, kill: 2, 'cancel-canvas': 2 } as const
type Verb = keyof typeof VERBS

/** A job the verb makes sense for. A job whose effects or instants are counted is never run again by hand. */
const CANDIDATE: Readonly<Record<Verb, string>> = {
  cancel: 'select id from celeriac.jobs order by md5(id::text || $1) limit 1',
  retry: `select id from celeriac.results where workflow_id is null and task not in ('effect', 'poison', '${TICK_TASK}') and settled_at > now() - interval '20 s'
    order by md5(id::text || $1) limit 1`,
  'cancel-canvas': `select workflow_id as id from celeriac.jobs where workflow_id is not null
    order by md5(id::text || $1) limit 1`,
  kill: 'select id from celeriac.jobs where worker_id is not null order by md5(id::text || $1) limit 1',
}

/** Done to no job in particular; each is one statement, so that what it did is known by whether it is there. */
const CHORES = {
  // The time is taken with the lock in hand: whoever took something before has committed.
  hold: `with held as materialized (
      select celeriac.hold_limit($1, nullif($2, ''), celeriac.clock() + interval '1.5 s', 'torture')
    )
    insert into holds select $1, $2, clock_timestamp(), celeriac.clock() + interval '1.5 s' from held`,
  // As if nobody had used them for long: the windows of all rates are a second.
  prune: `with old_lanes as (
      update celeriac.lanes set used_at = used_at - interval '2 hours' where id = any (array (
        select id from celeriac.lanes where state = 'idle' order by id for update skip locked
      ))
    ), old_buckets as (
      update celeriac.buckets set used_at = used_at - interval '2 hours' where id = any (array (
        select id from celeriac.buckets where used_at < celeriac.clock() - interval '2 s' order by id for update skip locked
      ))
    )
    select`,
  'prune-now': 'select celeriac.prune_lanes(1000)',
  forget: `select celeriac.forget_jobs(array (
      select id from celeriac.results where task = '${TICK_TASK}' order by settled_at desc limit 20
    ))`,
} as const
type Chore = keyof typeof CHORES
const CHORE_WEIGHTS: Readonly<Record<Chore, number>> = { hold: 2, prune: 1, 'prune-now': 0, forget: 2 }

let stopping = false
process.on('SIGTERM', () => {
  stopping = true
})
while (!stopping) {
  await wait(random.integer(500, 1_500))
  if (random.chance(0.3)) await tidy(random.weighted<Chore>(CHORE_WEIGHTS))
  else await act(random.weighted<Verb>(VERBS))
}
await app.stop()
await pool.end()
history.write({ e: 'down' })

async function tidy(chore: Chore): Promise<void> {
  const [allowance] = allowancesOf(
    random.pick(['limited-one', 'limited-five', 'limited-rate', 'limited-burst']) ?? '',
    random.integer(0, 11),
  )
  const values = chore === 'hold' && allowance !== undefined ? [allowance.limit, allowance.key] : []
  // What the server did not hear it does not do.
  await pool.query(CHORES[chore], values).catch(() => undefined)
  if (chore === 'prune') await tidy('prune-now')
}

async function act(verb: Verb): Promise<void> {
  let j: string | undefined
  try {
    const { rows } = await pool.query<{ id: string }>(CANDIDATE[verb], [String(random.next())])
    j = rows[0]?.id
  } catch {
    return
  }
  if (j === undefined) return
  const [handle, name] = verb === 'cancel-canvas' ? [app.workflow(j), 'cancel'] : [app.job(j), verb]
  const call: unknown = Reflect.get(handle, name)
  if (typeof call !== 'function') return
  history.write({ e: 'ask', verb, j })
  try {
    history.write({ e: 'answer', verb, j, out: String(await call.call(handle)) })
  } catch (error) {
    if (isCeleriacError(error, 'JOB_UNKNOWN') || isCeleriacError(error, 'WORKFLOW_UNKNOWN'))
      history.write({ e: 'answer', verb, j, out: 'unknown' })
    else history.write({ e: 'no-answer', verb, j })
  }
}
