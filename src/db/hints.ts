import type { Database } from './database.ts'

/**
 * What a notification can say. Payloads are hints: whoever gets one looks at the tables, and everything works,
 * slower, when none arrives.
 *
 *   w <µs> <queue>   a job of the queue is due from that instant on      src: enqueue, retry, rescue
 *   s <id> <id> …    these jobs are settled                             src: workers, cancel
 *   p <id>           this job reported progress                         src: report_progress
 *   c <id> <reason>  this running job is asked to be cancelled          src: cancel_jobs
 *   k <id> …         these jobs were taken away from their workers      src: kill_jobs
 *   u <id>           a lock that others wait for is free                src: release_lock
 *   l <id>           this worker leads maintenance                      src: run_round
 *   v                the settings have changed                           src: touch_settings
 *   d <name>         this schedule was changed                          src: notice_schedule
 *   t <word>         a listener's question whether it hears itself
 */
export interface Hints {
  wake: (queue: string, runAtUs: bigint) => void
  settled: (jobIds: readonly string[]) => void
  progress: (jobId: string) => void
  cancel: (jobId: string, reason: string) => void
  kill: (jobIds: readonly string[]) => void
  /** Something was changed at run time that workers act upon. */
  settings: () => void
  /** @param id - the advisory lock that stands for its key */
  unlocked: (id: string) => void
  /** Schedules were changed: what is due, and when, has to be looked up. */
  schedules: () => void
  /** Whether notifications arrive; while they do not, somebody has to look oftener. */
  hearing: (hears: boolean) => void
}

/** A payload must stay below 8000 bytes. */
const MOST_IDS = 200

/** Tells everybody what a payload says; one that is not ours says nothing. */
export function dispatch(payload: string, everybody: Iterable<Partial<Hints>>): void {
  const body = payload.slice(2)
  switch (payload.slice(0, 2)) {
    case 'w ': {
      const space = body.indexOf(' ')
      if (!/^-?\d{1,18}$/.test(body.slice(0, space))) return
      for (const hints of everybody) hints.wake?.(body.slice(space + 1), BigInt(body.slice(0, space)))
      return
    }
    case 's ':
      for (const hints of everybody) hints.settled?.(body.split(' '))
      return
    case 'p ':
      for (const hints of everybody) hints.progress?.(body)
      return
    case 'c ':
      for (const hints of everybody) hints.cancel?.(body.slice(0, 36), body.slice(37))
      return
    case 'u ':
      for (const hints of everybody) hints.unlocked?.(body)
      return
    case 'k ':
      for (const hints of everybody) hints.kill?.(body.split(' '))
      return
    case 'v':
      for (const hints of everybody) hints.settings?.()
      return
    case 'd ':
      for (const hints of everybody) hints.schedules?.()
  }
}

/** Who leads, as a payload says it; null for one that says something else. */
export function leaderOf(payload: string): string | null {
  return payload.startsWith('l ') ? payload.slice(2) : null
}

/** Payloads that say these jobs are settled. */
export function settledPayloads(jobIds: readonly string[]): string[] {
  const payloads: string[] = []
  for (let index = 0; index < jobIds.length; index += MOST_IDS) {
    payloads.push(`s ${jobIds.slice(index, index + MOST_IDS).join(' ')}`)
  }
  return payloads
}

/** Payload that says a job of a queue is due from an instant on. */
export function wakePayload(queue: string, runAtUs: bigint): string {
  return `w ${runAtUs} ${queue}`
}

/** Sends payloads in a transaction of their own: nothing is written, so nobody waits for a disk. */
export async function notify(database: Database, payloads: readonly string[]): Promise<void> {
  await database.query({
    name: `${database.schema}.notify`,
    text: `select pg_notify("${database.schema}".channel(), payload) from unnest($1::text[]) as payload`,
    values: [[...payloads]],
  })
}
