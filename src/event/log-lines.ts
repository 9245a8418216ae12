import type { Bus } from './bus.ts'
import type { EventName, Events } from './events.ts'
import type { Log } from './log.ts'

/**
 * Writes facts as lines: the only place that logs. At level `info` a healthy worker says when it starts and stops,
 * and each failed attempt is one line; what happens to every job is at `debug`.
 */
export function writeLogLines(bus: Bus, log: Log): void {
  const on = <Name extends EventName>(
    name: Name,
    level: 'error' | 'warn' | 'info' | 'debug',
    message: string,
    facts: (event: Events[Name]) => object = factsOf,
  ): void => {
    bus.on(name, (event) => log.write((logger) => logger[level](facts(event), message)))
  }
  on('worker:started', 'info', 'worker started')
  on('worker:stopping', 'info', 'worker stopping')
  on('worker:stopped', 'info', 'worker stopped')
  on('worker:disconnected', 'warn', 'worker disconnected', ({ error, ...event }) => ({
    ...event,
    err: error,
  }))
  on('worker:connected', 'info', 'worker connected')
  on('worker:evicted', 'error', 'worker evicted: it was taken for dead and starts anew')
  on('worker:fenced', 'error', 'worker fenced: the database has been out of reach for too long')
  on('worker:unfenced', 'info', 'worker goes on')
  on(
    'guard:inline',
    'warn',
    'no guard thread: handlers that block the event loop will look dead to other workers',
  )
  on(
    'database:failover',
    'error',
    'the database is another server than before; what it had not received is lost',
  )
  on(
    'database:pooler',
    'warn',
    'connections go through a transaction pooler: instant wake-up and instant crash detection are off; set directUrl',
  )
  on('connection:leaked', 'warn', 'a connection came back to the pool that could not be used again')
  on('worker:rescued', 'warn', 'jobs rescued from a dead worker')
  on('tasks:unknown', 'warn', 'due jobs wait for tasks that no worker has registered')
  on('lock:lost', 'warn', 'lock lost while the function under it ran; somebody else may hold it')
  on(
    'lock:leased',
    'warn',
    'locks are leases here, since sessions do not last: a dead process keeps its locks until they expire; set directUrl',
  )
  on('limits:unknown', 'warn', 'tasks use limits that nobody has declared or set: these limit nothing')
  on('job:limited', 'info', 'job limited by somebody else; its limits are held')
  on('schedule:broken', 'error', 'schedule disabled: it cannot fire', ({ error, ...event }) => ({
    ...event,
    err: error,
  }))
  on('job:lost', 'warn', 'job lost: another worker holds it, or it is gone')
  bus.on('listen:changed', ({ hearing }) =>
    log.write((logger) =>
      hearing
        ? logger.debug({ hearing }, 'notifications arrive')
        : logger.warn({ hearing }, 'notifications do not arrive; looking for work more often instead'),
    ),
  )
  bus.on('error', ({ during, error }) =>
    log.write((logger) => logger.error({ during, err: error }, `${during} failed; it will be tried again`)),
  )
  bus.on('job:failed', ({ error, expected, ...event }) =>
    log.write((logger) =>
      expected
        ? logger.info({ ...event, error: messageOf(error) }, 'job failed as expected')
        : logger.error({ ...event, err: error }, 'job failed'),
    ),
  )
  bus.on('job:retried', ({ error, expected, ...event }) =>
    log.write((logger) =>
      expected
        ? logger.info({ ...event, error: messageOf(error) }, 'job retried as expected')
        : logger.warn({ ...event, err: error }, 'job retried'),
    ),
  )
  if (!log.verbose) return
  on('job:claimed', 'debug', 'job claimed')
  on('job:succeeded', 'debug', 'job succeeded')
  on('job:replaced', 'debug', 'job replaced')
  on('job:snoozed', 'debug', 'job snoozed')
  on('job:cancelled', 'debug', 'job cancelled')
  on('job:released', 'debug', 'job released')
  on('schedule:fired', 'debug', 'schedule fired')
}

/** A worker's name under a key of its own: a logger has a name as well, and JSON would hold both. */
function factsOf(event: object): object {
  if (!('name' in event)) return event
  const { name, ...rest } = event
  return { ...rest, worker: name }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
