import type { Logger } from 'pino'
import type { Bus } from './bus.ts'

/**
 * Writes facts as lines: the only place that logs. At level `info` a healthy worker says when it starts and stops,
 * and each failed attempt is one line; what happens to every job is at `debug`.
 */
export function writeLogLines(bus: Bus, log: Logger): void {
  bus.on('worker:started', (event) => log.info(event, 'worker started'))
  bus.on('worker:stopping', (event) => log.info(event, 'worker stopping'))
  bus.on('worker:stopped', (event) => log.info(event, 'worker stopped'))
  bus.on('worker:disconnected', ({ error, ...event }) =>
    log.warn({ ...event, err: error }, 'worker disconnected'),
  )
  bus.on('worker:connected', (event) => log.info(event, 'worker connected'))
  bus.on('worker:evicted', (event) =>
    log.error(event, 'worker evicted: it was taken for dead and starts anew'),
  )
  bus.on('worker:rescued', (event) => log.warn(event, 'jobs rescued from a dead worker'))
  bus.on('tasks:unknown', (event) => log.warn(event, 'due jobs wait for tasks that no worker has registered'))
  bus.on('listen:changed', ({ hearing }) => {
    if (!hearing) log.warn({ hearing }, 'notifications do not arrive; looking for work more often instead')
    else log.debug({ hearing }, 'notifications arrive')
  })
  bus.on('error', ({ during, error }) =>
    log.error({ during, err: error }, `${during} failed; it will be tried again`),
  )
  bus.on('job:failed', ({ error, expected, ...event }) => {
    if (expected) log.info({ ...event, error: messageOf(error) }, 'job failed as expected')
    else log.error({ ...event, err: error }, 'job failed')
  })
  bus.on('job:retried', ({ error, expected, ...event }) => {
    if (expected) log.info({ ...event, error: messageOf(error) }, 'job retried as expected')
    else log.warn({ ...event, err: error }, 'job retried')
  })
  bus.on('job:lost', (event) => log.warn(event, 'job lost: another worker holds it, or it is gone'))
  if (!log.isLevelEnabled('debug')) return
  bus.on('job:claimed', (event) => log.debug(event, 'job claimed'))
  bus.on('job:succeeded', (event) => log.debug(event, 'job succeeded'))
  bus.on('job:snoozed', (event) => log.debug(event, 'job snoozed'))
  bus.on('job:cancelled', (event) => log.debug(event, 'job cancelled'))
  bus.on('job:released', (event) => log.debug(event, 'job released'))
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
