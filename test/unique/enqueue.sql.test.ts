import { describe, expect, test } from 'vitest'
import { aWorker, rowsOf } from '../support/factory.ts'
import { useDatabase } from '../support/postgres.ts'
import { openSession } from '../support/session.ts'
import { bringTo } from './holders.ts'

const database = useDatabase({ name: 'unique_sql' })

async function enqueue(task: string, args: unknown, options: object): Promise<string> {
  const [row] = await rowsOf(database, 'select celeriac.enqueue($1, $2, $3) as id', [
    task,
    JSON.stringify(args),
    JSON.stringify(options),
  ])
  return String(row?.id)
}

describe('T-109 celeriac.enqueue', () => {
  test('gives the id of the job that has the key', async () => {
    const unique = { key: 'order-7', until: 'settled', onConflict: 'keep' }
    const id = await enqueue('order', [1], { unique })
    expect(await enqueue('order', [2], { unique })).toBe(id)
    expect(await enqueue('order', [3], { unique: { ...unique, onConflict: 'replace' } })).toBe(id)
    const [job] = await rowsOf(database, 'select args from celeriac.jobs where id = $1', [id])
    expect(job).toEqual({ args: [3] })
    await bringTo(database, id, 'succeeded')
    expect(await enqueue('order', [4], { unique })).not.toBe(id)
  })

  test('B-39 refuses what is to be refused, with the facts', async () => {
    const unique = { key: 'once', onConflict: 'reject' }
    const id = await enqueue('refused', [1], { unique })
    await expect(enqueue('refused', [2], { unique })).rejects.toMatchObject({
      code: 'ZC020',
      message: `the key "once" of "refused" belongs to job ${id}, whose args differ`,
      hint: 'With onConflict "keep" the call gives that job instead.',
      detail: expect.stringContaining(id),
    })
  })

  test('knows periods, states, debounce and throttle', async () => {
    const period = { unique: { key: 'p', until: '1h' } }
    const id = await enqueue('kinds', [], period)
    await bringTo(database, id, 'succeeded')
    expect(await enqueue('kinds', [], period)).toBe(id)
    const throttled = await enqueue('kinds', [], { throttle: { key: 't', every: '1h' } })
    await bringTo(database, throttled, 'failed')
    expect(await enqueue('kinds', [], { throttle: { key: 't', every: '1h' } })).toBe(throttled)
    const states = { unique: { key: 's', states: ['failed'] } }
    const failed = await enqueue('kinds', [], states)
    await bringTo(database, failed, 'failed')
    expect(await enqueue('kinds', [], states)).toBe(failed)

    const debounce = { debounce: { key: 'd', wait: '10s', maxWait: '15s' } }
    const debounced = await enqueue('kinds', [1], debounce)
    const waits = async () => {
      const [row] = await rowsOf(
        database,
        `select round(extract(epoch from job.run_at - held.since))::int as s from celeriac.jobs as job
          join celeriac.unique_keys as held on held.job_id = job.id where job.id = $1`,
        [debounced],
      )
      return row?.s
    }
    expect(await waits()).toBe(10)
    await database.query(`update celeriac.unique_keys set since = since - interval '9 s' where key = 'd'`)
    expect(await enqueue('kinds', [2], debounce)).toBe(debounced)
    expect(await waits()).toBe(15)
  })

  test('counts a null as left out', async () => {
    const options = { unique: null, debounce: null, throttle: null }
    expect(await enqueue('nulls', [], options)).not.toBe(await enqueue('nulls', [], options))
    const unique = { key: 'a', until: null, states: null, onConflict: null }
    expect(await enqueue('nulls', [], { unique })).toBe(await enqueue('nulls', [], { unique }))
  })

  test.each([
    [{ unique: { until: '1h' } }, 'unique.key is missing'],
    [{ unique: { key: '' } }, 'unique.key must be a text of 1 to 255 bytes'],
    [{ unique: { key: 'x'.repeat(256) } }, 'B-38 unique.key takes 256 bytes; the limit is 255'],
    [{ unique: { key: {} } }, 'unique.key must be a text of 1 to 255 bytes'],
    [{ unique: 'a' }, 'unique must be an object with a key'],
    [{ unique: { key: 'a', wait: 1 } }, 'unknown option unique.wait'],
    [{ unique: { key: 'a', onConflict: 'drop' } }, 'unique.onConflict must be "keep"'],
    [{ unique: { key: 'a', until: 'begun' } }, '"begun" is not a duration'],
    [{ unique: { key: 'a', until: 'started', states: ['running'] } }, 'give unique.until or unique.states'],
    [{ unique: { key: 'a', states: ['done'] } }, 'unique.states must be a list of states'],
    [{ unique: { key: 'a' }, throttle: { key: 'a', every: '1s' } }, 'give unique or throttle, not both'],
    [{ debounce: { key: 'a' } }, 'debounce.wait is missing'],
    [{ debounce: { key: 'a', wait: '1s' }, delay: '1s' }, 'give debounce or delay (runAt), not both'],
    [{ throttle: { key: 'a' } }, 'throttle.every is missing'],
  ])('refuses %o', async (options, message) => {
    await expect(enqueue('refusing', [], options)).rejects.toMatchObject({
      code: '22023',
      message: expect.stringContaining(message.replace('B-38 ', '')),
    })
  })

  test('B-38 takes a key of 255 bytes and refuses one more', async () => {
    await enqueue('long', [], { unique: { key: 'x'.repeat(255) } })
    await expect(enqueue('long', [], { unique: { key: `${'ä'.repeat(127)}xx` } })).rejects.toThrow(
      '256 bytes',
    )
  })

  test('wakes a worker for a job it replaces', async () => {
    await aWorker(database, { idle: true, queues: ['woken'] })
    await using session = await openSession(database.url)
    await session.listen()
    const unique = { key: 'w', until: 'started', onConflict: 'replace' }
    await enqueue('wakes', [1], { queue: 'woken', delay: '1h', unique })
    await enqueue('wakes', [2], { queue: 'woken', unique })
    await session.query('select 1')
    const now = (Date.now() + 60_000) * 1000
    const soon = session.heard.filter(
      (payload) => /^w \d+ woken$/.test(payload) && Number(payload.split(' ')[1]) < now,
    )
    expect(soon).toHaveLength(1)
  })
})
