import { describe, expect, test } from 'vitest'
import { aResult, aWorker, fromNow, jobsLike, rowsOf } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession, type Session } from '../support/session.ts'
import { cancelJobs, claimJobs, type Other, rescueJobs, retryJobs, settleJobs } from '../support/verbs.ts'

const database = useDatabase()
const ROUNDS = 40

interface Round {
  readonly ids: readonly string[]
  readonly worker: string
  readonly queue: string
}

/** Everything that moves jobs; each is given the ids in an order of its own. */
const VERBS: Readonly<Record<string, (session: Session, round: Round) => Promise<unknown>>> = {
  settle: (session, { ids, worker }) => {
    const half = ids.length / 2
    const error = { name: 'Error', message: 'boom' }
    const kinds = ['errored', 'discarded', 'released', 'snoozed', 'cancelled'] as const
    const other = (id: string, index: number): Other => {
      const kind = kinds[index % kinds.length] ?? 'errored'
      return { id, token: 1, kind, error, delayMs: 0 }
    }
    return settleJobs(session, worker, {
      done: ids.slice(half).map((id) => [id, 1, 1] as const),
      others: ids.slice(0, half).map(other),
    })
  },
  cancel: (session, { ids }) => cancelJobs(session, ids),
  retry: (session, { ids }) => retryJobs(session, ids),
  edit: (session, { ids }) =>
    session.query('select from celeriac.edit_jobs($1, $2)', [ids, { priority: 5, delayMs: 1 }]),
  purge: (session, { ids, queue }) =>
    session.query('select from celeriac.purge_jobs($1, $2, null)', [ids, { queue }]),
  rescue: (session) => rescueJobs(session, {}, true),
  claim: (session, { worker, queue }) => claimJobs(session, { worker, queue }),
  progress: (session, { ids, worker }) =>
    session.query('select celeriac.report_progress($1, $2, $3, $4)', [
      worker,
      ids,
      ids.map(() => 1),
      ids.map(() => '1'),
    ]),
  release: (session, { worker }) => session.query('select celeriac.deregister_worker($1)', [worker]),
  expire: (session) => session.query('select celeriac.expire_jobs(1000)'),
  forget: (session, { ids }) => session.query('select celeriac.forget_jobs($1)', [ids]),
}

const names = Object.keys(VERBS)
const pairs = names.flatMap((one, index) => names.slice(index).map((two) => [one, two] as const))

describe.each(pairs)('%s against %s', (one, two) => {
  test('ends without a deadlock and with one outcome for each job', async () => {
    await using left = await openSession(database.url)
    await using right = await openSession(database.url)
    for (let round = 0; round < ROUNDS; round += 1) {
      const now = await prepare(`${one}-${two}-${round}`)
      await Promise.all([VERBS[one]?.(left, shuffled(now)), VERBS[two]?.(right, shuffled(now))])
      if (one === 'forget' || two === 'forget') continue
      const places = await rowsOf(
        database,
        `select id, count(*)::integer as n from (
          select id from celeriac.jobs union all select id from celeriac.results
        ) as job where id = any ($1) group by id`,
        [now.ids],
      )
      expect(places).toHaveLength(now.ids.length)
      expect(places.filter(({ n }) => n !== 1)).toEqual([])
    }
  })
})

/** Jobs in every state, most of them running on a worker that anybody may declare dead. */
async function prepare(queue: string): Promise<Round> {
  const worker = await aWorker(database, { heartbeat_at: fromNow(-60_000), queues: [queue] })
  const ids = [
    ...(await jobsLike(database, 6, { queue, worker_id: worker })),
    ...(await jobsLike(database, 2, { queue, worker_id: worker, cancel_requested_at: fromNow(-5) })),
    ...(await jobsLike(database, 2, { queue })),
    ...(await jobsLike(database, 1, { queue, expires_at: fromNow(-5) })),
    await aResult(database, { queue, state: 'failed' }),
  ]
  return { ids, worker, queue }
}

function shuffled(round: Round): Round {
  const ids = [...round.ids]
  for (let index = ids.length - 1; index > 0; index -= 1) {
    const other = Math.floor(Math.random() * (index + 1))
    const [one, two] = [ids[index] ?? '', ids[other] ?? '']
    ids[index] = two
    ids[other] = one
  }
  return { ...round, ids }
}
