import { randomUUID } from 'node:crypto'
import { readSample, type SampleRow } from '../harness/copy.ts'
import type { Payload } from '../harness/payload.ts'
import { connect } from '../harness/query.ts'
import { celeriac } from './celeriac.ts'
import type { Contender, Producer } from './contender.ts'

// The limit: the rows that celeriac writes, inserted by bare prepared statements on one connection, without
// celeriac. It reads one row that celeriac has enqueued and writes the same columns, id and args anew.

const SAMPLE = { table: 'celeriac.jobs', sample: 'worker_id is null' }

export const plain: Contender = {
  id: 'plain',
  name: 'bare insert of the same rows',
  family: 'plain',
  variant: 'tuned',
  only: ['P3', 'P4', 'P10'],
  store: 'postgres',
  expectedRate: 100_000,
  bulkChunk: Number.POSITIVE_INFINITY,
  load: () => celeriac.load(),
  setUp: async (url) => {
    await celeriac.setUp(url)
    const producer = await celeriac.openProducer(url, {})
    await producer.enqueue({ sentAt: 1, filler: 'x' })
    await producer.close()
  },
  openProducer,
  startWorker: async () => {
    throw new Error('plain SQL has no worker')
  },
  census: (url) => celeriac.census(url),
}

async function openProducer(url: string): Promise<Producer> {
  const client = await connect(url)
  const row = await readSample(client, SAMPLE)
  const one = { name: 'one', text: oneStatement(row) }
  const many = { name: 'many', text: manyStatement(row) }
  return {
    enqueue: async (payload) => {
      await client.query({
        ...one,
        values: row.columns.map(({ name, value }) => own(name, payload) ?? value),
      })
    },
    enqueueMany: async (payloads) => {
      const values = row.columns.map(({ name, value }) =>
        payloads.map((payload) => own(name, payload) ?? value),
      )
      await client.query({ ...many, values })
    },
    enqueueIn: async (transaction, payload) => {
      const values = row.columns.map(({ name, value }) => own(name, payload) ?? value)
      await transaction.query(one.text, values)
    },
    close: () => client.end(),
  }
}

/** Values that differ from row to row. */
function own(column: string, payload: Payload): string | undefined {
  if (column === 'id') return timeOrderedId()
  if (column === 'args') return JSON.stringify([payload])
  return undefined
}

function oneStatement({ table, columns }: SampleRow): string {
  return `insert into ${table} (${columns.map(({ name }) => name).join(', ')})
    values (${columns.map(({ type }, at) => `$${at + 1}::${type}`).join(', ')})`
}

function manyStatement({ table, columns }: SampleRow): string {
  return `insert into ${table} (${columns.map(({ name }) => name).join(', ')})
    select * from unnest(${columns.map(({ type }, at) => `$${at + 1}::${type}[]`).join(', ')})`
}

/** A UUID whose first 48 bits are the time in ms, as celeriac's ids are, so that the index grows at its end. */
function timeOrderedId(): string {
  const time = Date.now().toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
}
