import { withConnection } from '../../../src/embedded/connection.ts'
import type { StopMode } from '../driver/server.ts'
import { type Fault, pause } from './fault.ts'
import { signal } from './process.ts'

/** Stops the server and starts it again after about so long. */
export function restart(mode: StopMode, fromMs: number, toMs: number): Fault {
  return async ({ server, history, random, over }) => {
    const outage = random.integer(fromMs, toMs)
    history.write({ e: 'pgstop', mode })
    await server.stop(mode)
    await pause(outage, over)
    await server.startAgain()
    history.write({ e: 'pgstart' })
  }
}

/** Ends a share of our sessions, whatever they do. */
export const terminateBackends: Fault = async ({ server, database, history }) => {
  await withConnection(server.url(database), async (client) => {
    const { rowCount } = await client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name like 'celeriac:%' and random() < 0.3`,
    )
    history.write({ e: 'terminate', backends: rowCount ?? 0 })
  }).catch(() => undefined)
}

/** Kills one backend: the server ends all sessions and recovers, without going away. */
export const killBackend: Fault = async ({ server, database, history }) => {
  const pid = await withConnection(server.url(database), async (client) => {
    const { rows } = await client.query<{ pid: number }>(
      `select pid from pg_stat_activity
        where datname = current_database() and application_name like 'celeriac:%' order by random() limit 1`,
    )
    return rows[0]?.pid
  }).catch(() => undefined)
  if (pid === undefined) return
  history.write({ e: 'backend-kill' })
  history.write({ e: 'pgstop', mode: 'crash' })
  signal(pid, 'SIGKILL')
  await server.recovered()
  history.write({ e: 'pgstart' })
}
