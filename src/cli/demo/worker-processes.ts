import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CeleriacError } from '../../base/errors.ts'
import type { DemoSettings } from './tasks.ts'

/** Worker processes of the demo. */
export interface WorkerProcesses {
  readonly workers: readonly { readonly name: string; readonly pid: number }[]
  /** Rejects with `DEMO_WORKER` when the last of them has ended without being told to. */
  readonly gone: Promise<never>
  /** Stops them warm, then whatever remains. */
  stop(): Promise<void>
}

/** What the worker processes are told. */
export interface WorkerProcessSettings extends DemoSettings {
  readonly count: number
  readonly databaseUrl: string
  /** Folder for what they write, a file each. */
  readonly logs: string
}

/** Longer than a worker takes for a warm stop and its grace. */
const STOP_MS = 8_000
/** From sources and from the build the entry lies beside this file, with its ending. */
const ENTRY = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url),
)

/**
 * Starts worker processes; resolves when all of them claim jobs.
 *
 * @throws {CeleriacError} `DEMO_WORKER` when one ends before that; the others are stopped
 */
export async function startWorkerProcesses(settings: WorkerProcessSettings): Promise<WorkerProcesses> {
  const names = Array.from({ length: settings.count }, (_, index) => `demo-${index + 1}`)
  const started = await Promise.all(names.map((name) => startOne(name, settings)))
  const stop = async (): Promise<void> => {
    await Promise.all(started.map(({ child }) => stopOne(child)))
  }
  const gone = Promise.all(started.map(({ ended }) => ended)).then(([error]) => Promise.reject(error))
  // Those who stop them never look at it.
  gone.catch(() => undefined)
  try {
    await Promise.all(started.map(({ ready }) => ready))
  } catch (error) {
    await stop()
    throw error
  }
  return { workers: started.map(({ name, child }) => ({ name, pid: child.pid ?? 0 })), gone, stop }
}

interface Started {
  readonly name: string
  readonly child: ChildProcess
  readonly ready: Promise<void>
  readonly ended: Promise<CeleriacError<'DEMO_WORKER'>>
}

async function startOne(name: string, settings: WorkerProcessSettings): Promise<Started> {
  // Decoders print what they think of a file; that must not land on the live screen.
  const log = join(settings.logs, `${name}.log`)
  const file = await open(log, 'w')
  const child = fork(ENTRY, {
    stdio: ['ignore', file.fd, file.fd, 'ipc'],
    env: {
      ...process.env,
      CELERIAC_DEMO_DATABASE: settings.databaseUrl,
      CELERIAC_DEMO_RIGHTS: settings.rightsUrl,
      CELERIAC_DEMO_CLOUD: settings.cloud,
      ...(settings.pieceMs !== undefined && { CELERIAC_DEMO_PIECE_MS: String(settings.pieceMs) }),
      CELERIAC_DEMO_WORKER: name,
    },
  })
  await file.close()
  const ended = new Promise<CeleriacError<'DEMO_WORKER'>>((resolve) => {
    const tell = (how: string): void => resolve(new CeleriacError('DEMO_WORKER', { worker: name, how, log }))
    child.once('error', (error) => tell(error.message))
    child.once('exit', (code, signal) => tell(signal ?? `exit code ${code}`))
  })
  const ready = Promise.race([once(child, 'message'), ended.then((error) => Promise.reject(error))])
  return { name, child, ready: ready.then(() => undefined), ended }
}

async function stopOne(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const exited = once(child, 'exit')
  if (child.connected) child.disconnect()
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await exited
  clearTimeout(timer)
}
