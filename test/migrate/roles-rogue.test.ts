import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { eventsOf, useApps } from '../support/apps.ts'
import { openSession } from '../support/session.ts'
import { until } from '../support/until.ts'
import { useGuarded } from './roles-support.ts'

/* What anybody who may connect can do without any right: send notifications, and listen to what the server says. */

const guarded = useGuarded('roles_rogue')
const apps = useApps(guarded.database)
const as = (role: string) => apps.app({ database: guarded.url(role), schema: guarded.schema })

describe('F-63: forged notifications', () => {
  test('change nothing: what is true is read from the tables', async () => {
    const worker = as('worker')
    const errors = eventsOf(worker, 'error')
    let runs = 0
    const begun = new Set<string>()
    worker.task('slow', { bind: true }, async (job) => {
      runs += 1
      begun.add(job.id)
      await until(() => released)
      return 'done'
    })
    let released = false
    await apps.worker(worker)
    const handle = await as('producer').enqueue('slow', [])
    await until(() => begun.has(handle.id))

    const [row] = await guarded.database.query<{ channel: string }>(
      `select ${guarded.schema}.channel() as channel`,
    )
    await using rogue = await openSession(guarded.url('outsider'))
    const lies = [
      `s ${handle.id}`,
      `k ${handle.id}`,
      `k ${randomUUID()} ${'x'.repeat(500)}`,
      's',
      's ',
      'k',
      'w',
      'w abc default',
      'w 99999999999999999999999 default',
      `w ${-(2n ** 62n)} default`,
      'w 0 ',
      'w 0 __proto__',
      `p ${handle.id}`,
      'p constructor',
      'c',
      'c \u0001\u001b[2J',
      'l',
      'l l l',
      't nobody asked',
      '{"cancel": true}',
      'é'.repeat(3_000),
      '',
    ]
    for (let round = 0; round < 50; round += 1) {
      for (const lie of lies) await rogue.query('select pg_notify($1, $2)', [row?.channel, lie])
    }
    released = true
    expect(await handle.result({ timeout: '10s' })).toBe('done')
    expect(runs).toBe(1)
    expect(errors).toEqual([])
  })
})

describe('what jobs carry', () => {
  const canary = '4111-1111-1111-1111'

  // The server writes what it tells a client into its log as well.
  test.each([
    `{"priority": 1e9}`,
    `{"priority": "x"}`,
    `{"runAt": "yesterday"}`,
    `{"runAt": "2030-13-45"}`,
    `{"delay": "soon"}`,
    `{"delay": "99999w"}`,
    `{"expires": "-1"}`,
    `{"maxAttempts": 0}`,
    `{"labels": {"a": 1}}`,
    `{"labels": []}`,
    `{"id": "x"}`,
    `{"queue": ""}`,
    `{"queue": "a b"}`,
    `{"ignoreResult": "yes"}`,
    `{"unknown": 1}`,
    `[]`,
  ])('is not told when enqueue refuses %s', async (options) => {
    await using session = await openSession(guarded.url('producer'))
    const error = await session
      .query(guarded.sql('select celeriac.enqueue($1, $2, $3)'), ['pay', JSON.stringify([canary]), options])
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: expect.stringMatching(/^22/) })
    expect(JSON.stringify({ ...(error as object), message: String(error) })).not.toContain('4111')
  })

  test('is not told when an id is taken, nor when its args are none', async () => {
    await using session = await openSession(guarded.url('producer'))
    const id = randomUUID()
    const enqueue = (args: unknown) =>
      session
        .query(guarded.sql('select celeriac.enqueue($1, $2, $3)'), [
          'pay',
          JSON.stringify(args),
          JSON.stringify({ id }),
        ])
        .catch((thrown: unknown) => thrown)
    await enqueue([canary])
    for (const error of [await enqueue([canary]), await enqueue({ card: canary })]) {
      expect(error).toBeInstanceOf(Error)
      expect(JSON.stringify({ ...(error as object), message: String(error) })).not.toContain('4111')
    }
  })
})
