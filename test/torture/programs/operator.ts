import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { Celeriac, isCeleriacError } from '../../../src/index.ts'
import { HistoryWriter } from '../history/writer.ts'
import { Random } from '../random.ts'
import { readSettings } from './settings.ts'

/** A person with a dashboard: cancels, retries and kills jobs while everything goes on. */

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

/** A job the verb makes sense for. A job whose effects are counted is never run again by hand. */
const CANDIDATE: Readonly<Record<Verb, string>> = {
  cancel: 'select id from celeriac.jobs order by md5(id::text || $1) limit 1',
  retry: `select id from celeriac.results where workflow_id is null and task not in ('effect', 'poison') and settled_at > now() - interval '20 s'
    order by md5(id::text || $1) limit 1`,
  'cancel-canvas': `select workflow_id as id from celeriac.jobs where workflow_id is not null
    order by md5(id::text || $1) limit 1`,
  kill: 'select id from celeriac.jobs where worker_id is not null order by md5(id::text || $1) limit 1',
}

let stopping = false
process.on('SIGTERM', () => {
  stopping = true
})
while (!stopping) {
  await wait(random.integer(500, 1_500))
  await act(random.weighted<Verb>(VERBS))
}
await app.stop()
await pool.end()
history.write({ e: 'down' })

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
