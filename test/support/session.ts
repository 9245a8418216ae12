import pg from 'pg'

/** One connection of its own, for locks, settings and open transactions. */
export interface Session extends AsyncDisposable {
  readonly client: pg.Client
  readonly pid: number
  query<Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<Row[]>
  /** The channel's payloads heard so far; `listen` must have been called. */
  readonly heard: string[]
  listen(): Promise<void>
  end(): Promise<void>
}

/** Opens a session on a test database. */
export async function openSession(url: string): Promise<Session> {
  const client = new pg.Client({ connectionString: url, application_name: 'celeriac test session' })
  client.on('error', () => undefined)
  await client.connect()
  const heard: string[] = []
  client.on('notification', ({ payload }) => heard.push(payload ?? ''))
  const query = async <Row extends pg.QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
  ): Promise<Row[]> => (await client.query<Row>(text, [...values])).rows
  const [row] = await query<{ pid: number }>('select pg_backend_pid() as pid')
  return {
    client,
    pid: row?.pid ?? 0,
    query,
    heard,
    listen: async () => {
      const [channel] = await query<{ name: string }>('select celeriac.channel() as name')
      await query(`listen ${channel?.name}`)
    },
    end: () => client.end(),
    [Symbol.asyncDispose]: () => client.end().catch(() => undefined),
  }
}
