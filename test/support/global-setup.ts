import { randomBytes } from 'node:crypto'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { startServer } from './servers.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The URL of the run's server, of a role that may create databases. */
    readonly adminUrl: string
    /** Sets the databases of this run apart from those of another on the same server. */
    readonly runId: string
    /** What the run stood on, for the summary: `postgres 18.4 (embedded)`. */
    readonly databaseTitle: string
  }
}

/** Starts one PostgreSQL for the run; afterwards nothing of the run is left, on a given server neither. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startServer()
  const runId = randomBytes(4).toString('hex')
  const [row] = await ask<{ server_version: string }>(server.url, 'show server_version')
  project.provide('adminUrl', server.url)
  project.provide('runId', runId)
  project.provide('databaseTitle', `postgres ${row?.server_version.split(' ')[0]} (${server.source})`)
  return async () => {
    if (server.source === 'given') await dropDatabases(server.url, runId)
    await server.stop()
  }
}

async function dropDatabases(url: string, runId: string): Promise<void> {
  const left = await ask<{ datname: string }>(
    url,
    `select datname from pg_database where datname like 'celeriac\\_%\\_${runId}%'`,
  )
  for (const { datname } of left) {
    await ask(url, `alter database "${datname}" is_template false`)
    await ask(url, `drop database if exists "${datname}" with (force)`)
  }
}

async function ask<Row extends pg.QueryResultRow>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Row>(text)).rows
  } finally {
    await client.end()
  }
}
