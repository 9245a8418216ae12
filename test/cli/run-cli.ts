import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

export const JOBS = fileURLToPath(new URL('fixtures/jobs.ts', import.meta.url))
const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** How the command is run. */
export interface RunOptions {
  /** Added to an environment without any word about a database. */
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  readonly cwd?: string
}

/** What a command left. */
export interface Ended {
  /** As a shell tells it: 128 and the number of a signal that killed it. */
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A command that runs. */
export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** What it has written so far. */
  stdout(): string
  stderr(): string
}

/** Starts the real command line in a process of its own. */
export function startCli(args: readonly string[], { env = {}, input, cwd }: RunOptions = {}): Running {
  const clean = Object.entries(process.env).filter(
    ([name]) => !/^(PG|DATABASE_URL|CELERIAC_|NODE_ENV|NO_COLOR|FORCE_COLOR|NODE_OPTIONS)/.test(name),
  )
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd,
    env: { ...Object.fromEntries(clean), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  // A test that fails half-way leaves no process behind.
  onTestFinished(() => void child.kill('SIGKILL'))
  const written = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    written.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    written.stderr += text
  })
  child.stdin.end(input ?? '')
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (exitCode, signal) => resolve({ exitCode, signal, ...written }))
  })
  return { child, ended, stdout: () => written.stdout, stderr: () => written.stderr }
}

/** Runs a command to its end. */
export function cli(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return startCli(args, options).ended
}
