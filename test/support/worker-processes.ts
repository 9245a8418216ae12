import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { until } from './until.ts'

/** What the program of {@link workerProcess} says. */
type Told =
  | { readonly begun: string; readonly attempt: number }
  | { readonly started: string }
  | { readonly stopping: true }
  | { readonly fact: string }

/** A worker in a process of its own. */
export interface WorkerProcess {
  readonly pid: number
  /** Jobs its handlers `hold` and `hang` have begun. */
  readonly begun: readonly { readonly id: string; readonly attempt: number }[]
  /** Names of the facts it announced that a healthy worker does not. */
  readonly facts: readonly string[]
  /** Whether it has begun to stop. */
  readonly stopping: boolean
  /** Lets every `hold` go on. */
  open(): void
  signal(name: NodeJS.Signals): void
  /** Exit code or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
}

/** How a worker process is run. */
export interface WorkerProcessOptions {
  readonly concurrency?: number
  readonly maxBlockMs?: number
  readonly guard?: boolean
  /** Flags of Node's. */
  readonly flags?: readonly string[]
  /** A command and its arguments that runs it: `nice -n 19`. Its pid is that of the command, and signals go to that. */
  readonly inside?: readonly string[]
  /** Throws away what it says on stderr: a process that dies of something may say much. */
  readonly quiet?: boolean
  /** The same program of another build. */
  readonly program?: string
}

const children = new Set<ChildProcess>()

/** Starts a worker process and waits until it claims. */
export async function workerProcess(
  url: string,
  {
    concurrency = 10,
    maxBlockMs,
    guard = true,
    flags = [],
    inside = [],
    quiet = false,
    program = join(import.meta.dirname, 'worker-process.ts'),
  }: WorkerProcessOptions = {},
): Promise<WorkerProcess> {
  const [command, ...args] = [...inside, process.execPath, ...flags]
  const child = fork(program, {
    execPath: command ?? process.execPath,
    execArgv: args,
    env: {
      ...process.env,
      DATABASE_URL: url,
      CONCURRENCY: String(concurrency),
      GUARD: String(guard),
      ...(maxBlockMs !== undefined && { MAX_BLOCK_MS: String(maxBlockMs) }),
    },
    stdio: ['ignore', 'inherit', quiet ? 'ignore' : 'inherit', 'ipc'],
  })
  children.add(child)
  const begun: { id: string; attempt: number }[] = []
  const facts: string[] = []
  let started = false
  let stopping = false
  child.on('message', (told: Told) => {
    if ('started' in told) started = true
    else if ('stopping' in told) stopping = true
    else if ('fact' in told) facts.push(told.fact)
    else begun.push({ id: told.begun, attempt: told.attempt })
  })
  const ended = once(child, 'exit').then(([code, signal]) => {
    children.delete(child)
    return (code ?? signal) as number | NodeJS.Signals
  })
  await until(() => started || child.exitCode !== null, {
    what: 'the start of a worker process',
    timeoutMs: 30_000,
  })
  return {
    pid: child.pid ?? 0,
    begun,
    facts,
    get stopping() {
      return stopping
    },
    open: () => void child.send('open'),
    signal: (name) => void child.kill(name),
    ended,
  }
}

/** Ends the processes a test has left. */
export async function endWorkerProcesses(): Promise<void> {
  await Promise.all(
    [...children].map(async (child) => {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    }),
  )
}
