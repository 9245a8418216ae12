import { formatMs } from '../../base/duration.ts'
import type { Database } from '../../db/database.ts'
import {
  hearsItself,
  type NotifyQueue,
  readNotifyQueue,
  type SlowListener,
} from '../../inspect/health/notifications.ts'
import type { ServerHealth } from '../../inspect/health/server.ts'
import { identifier } from '../../inspect/health/sql-names.ts'
import { fine, note, skipped, type Verdict, wrong } from './finding.ts'
import type { Limits } from './limits.ts'

/** Whether a session that listens hears what is said. */
export async function checkHearing(database: Database): Promise<Verdict> {
  // What is said on a connection that happens to be lent again is heard, and nothing else.
  if (!(await database.hasSessions())) return skipped('sessions do not last: see pooler')
  if (await hearsItself(database)) return fine('LISTEN hears NOTIFY')
  return wrong(
    'LISTEN does not hear NOTIFY: workers look for work every 500 ms instead',
    'new Celeriac({ directUrl: <URL of the server itself> }), or the pooler in session mode',
  )
}

/** How full the queue of notifications is, and who does not read. */
export async function checkNotifyQueue(
  database: Database,
  server: ServerHealth,
  limits: Limits,
): Promise<Verdict> {
  return queueVerdict(await readNotifyQueue(database), server, limits)
}

function queueVerdict({ usage, suspects }: NotifyQueue, server: ServerHealth, limits: Limits): Verdict {
  const full = `${(usage * 100).toFixed(usage > 0 && usage < 0.1 ? 1 : 0)} % full`
  const deaf = suspects.find((suspect) => suspect.deaf && suspect.ageMs >= limits.deafMs)
  if (usage < limits.notifyQueue) {
    if (deaf === undefined) return fine(full)
    return wrong(`${full}, but ${nameOf(deaf)}: dead rows are kept for it`, endOf(deaf))
  }
  const [first] = suspects
  const message = `${full}; at 100 % every transaction that notifies fails`
  if (first !== undefined) return wrong(`${message}; ${nameOf(first)}`, endOf(first))
  return server.seesAll
    ? note(`${message}; whoever held it up is gone`, null)
    : wrong(
        `${message}; who holds it up is not ours to see`,
        `grant pg_read_all_stats to ${identifier(server.role)}`,
      )
}

function nameOf({ pid, role, database, application, deaf, state, ageMs }: SlowListener): string {
  const said = [role, `database ${database}`, application].filter((part) => part !== '').join(', ')
  const does = deaf ? 'has not read what it listens to' : `has been in a transaction (${state})`
  return `pid ${pid} (${said}) ${does} for ${formatMs(ageMs)}`
}

const endOf = ({ pid }: SlowListener): string => `select pg_terminate_backend(${pid})`
