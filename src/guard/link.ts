import { existsSync, writeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { WorkerSnapshot } from '../worker/guard.ts'
import { Guard } from './guard.ts'
import { killProcess } from './kill-process.ts'
import { packError } from './packed-error.ts'
import type { GuardSettings, Order, Reply, Report } from './protocol.ts'

/** The main loop's end of a guard. */
export interface LinkHost {
  readonly report: (report: Report) => void
  readonly snapshot: (workerId: string) => WorkerSnapshot | null
  readonly password: () => Promise<string>
  /** The thread is gone without our doing. */
  readonly died: (error: unknown) => void
}

/** A guard, wherever it runs. */
export interface Link {
  send(order: Order): void
  /** Ends the thread; whatever it held falls with its connections. */
  close(): Promise<void>
}

/** Enough for a driver, a heartbeat and lists of ids; a leak must not eat the process. */
const HEAP_MB = 64

/** Why no thread can be had; null when one can. */
export function threadObstacle(settings: GuardSettings): string | null {
  if (!existsSync(fileURLToPath(threadFile()))) {
    return `${threadFile().pathname} is missing (bundled? keep the package "celeriac" external)`
  }
  try {
    structuredClone(settings)
    return null
  } catch (error) {
    return `the settings of the connection cannot be sent to a thread (${error instanceof Error ? error.message : String(error)})`
  }
}

/** Starts the guard in a thread. */
export function openThread(settings: GuardSettings, host: LinkHost): Link {
  const thread = new Worker(threadFile(), {
    workerData: settings,
    execArgv: [],
    name: 'celeriac guard',
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
  })
  let closing = false
  let problem: unknown
  thread.on('message', (report: Report) => {
    if (report.kind === 'ask') void answer(report, host).then((reply) => thread.postMessage(reply))
    else host.report(report)
  })
  thread.on('error', (error) => {
    problem = error
  })
  thread.on('exit', () => {
    if (!closing) host.died(problem)
  })
  return {
    send: (order) => {
      if (order.kind === 'stop') closing = true
      thread.postMessage(order)
    },
    close: async () => {
      closing = true
      await thread.terminate()
    },
  }
}

/** Runs the guard on the main loop. */
export function openInline(settings: GuardSettings, host: LinkHost): Link {
  const guard = new Guard(settings, {
    report: (report) => host.report(report),
    snapshot: (workerId) => Promise.resolve(host.snapshot(workerId)),
    password: () => host.password(),
    kill: (why) => killProcess(why, (line) => writeSync(2, line)),
  })
  return {
    send: (order) => void guard.obey(order),
    close: () => Promise.resolve(),
  }
}

async function answer(report: Extract<Report, { kind: 'ask' }>, host: LinkHost): Promise<Reply> {
  const { call } = report
  if (report.what === 'snapshot') return { kind: 'reply', call, snapshot: host.snapshot(report.workerId) }
  try {
    return { kind: 'reply', call, password: await host.password() }
  } catch (error) {
    return { kind: 'reply', call, error: packError(error) }
  }
}

/** The file of the thread, in TypeScript or compiled like this one. */
function threadFile(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js', import.meta.url)
}
