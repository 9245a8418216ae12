import { withConnection } from '../../../src/embedded/connection.ts'
import type { Child } from '../driver/fleet.ts'
import { type Fault, pause, type Stage } from './fault.ts'

/** A worker that nothing else is being done to; null when there is none to spare. */
export function victim({ fleet, random }: Stage): Child | null {
  const idle = fleet.living('worker').filter((child) => !child.frozen && !child.busy)
  return idle.length < 2 ? null : (random.pick(idle) ?? null)
}

export const kill9: Fault = async (stage) => {
  const child = victim(stage)
  if (child !== null) stage.fleet.kill(child)
}

export const term: Fault = async (stage) => {
  const child = victim(stage)
  if (child !== null) stage.fleet.terminate(child)
}

/** Freezes a worker for about so long; one of four is killed while frozen. */
export function freeze(fromMs: number, toMs: number): Fault {
  return async (stage) => {
    const child = victim(stage)
    if (child === null) return
    stage.fleet.freeze(child)
    await pause(stage.random.integer(fromMs, toMs), stage.over)
    if (stage.random.chance(0.25)) stage.fleet.kill(child)
    else stage.fleet.thaw(child)
  }
}

/**
 * Makes a zombie: a frozen worker whose sessions of presence are ended, so that others rightly take it for dead after
 * the grace, and which then goes on as if nothing had been.
 */
export const zombie: Fault = async (stage) => {
  const child = victim(stage)
  if (child === null) return
  stage.fleet.freeze(child)
  await cut(stage, child)
  await pause(stage.random.integer(7_000, 9_000), stage.over)
  stage.fleet.thaw(child)
}

/** Ends the sessions that hold a worker's presence lock. */
async function cut({ server, database, history }: Stage, child: Child): Promise<void> {
  history.write({ e: 'cut', c: child.name })
  await withConnection(server.url(database), (client) =>
    client.query(
      `select pg_terminate_backend(lock.pid)
        from celeriac.workers as worker
        join pg_locks as lock on lock.locktype = 'advisory' and lock.mode = 'ShareLock'
          and (lock.classid::bigint << 32) | lock.objid::bigint = worker.presence_key
        where worker.pid = $1`,
      [child.pid],
    ),
  ).catch(() => undefined)
}

/** Everything stands still, the database too, as when a machine is paused; nobody may be accused afterwards. */
export const freezeAll: Fault = async ({ fleet, server, history, random, over }) => {
  const workers = fleet.living('worker').filter((child) => !child.frozen)
  // Where the server's processes cannot be found, stopping one of them would prove nothing.
  if (server.processes().length < 2) return
  for (const worker of workers) fleet.freeze(worker)
  history.write({ e: 'pgstop', mode: 'frozen' })
  server.freeze(true)
  await pause(random.integer(5_000, 20_000), over)
  server.freeze(false)
  history.write({ e: 'pgstart' })
  for (const worker of workers) fleet.thaw(worker)
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended meanwhile.
  }
}
