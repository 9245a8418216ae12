import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { EmbeddedOptions, EmbeddedPostgres } from '../../src/embedded/index.ts'

/** Another process of the project, which starts and stops the server as it is told. */
export interface Neighbour {
  readonly pid: number
  start(
    options: EmbeddedOptions,
  ): Promise<Pick<EmbeddedPostgres, 'url' | 'dir' | 'version' | 'adopted' | 'startedMs'>>
  /** @returns whether it stopped the server */
  stop(): Promise<boolean>
  /** Lets it end by process.exit(), without stopping. */
  exit(): Promise<void>
  /** kill -9 */
  kill(): Promise<void>
}

/** How {@link neighbour} makes one. */
export interface NeighbourOptions {
  readonly uid?: number
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
}

/** The user that PostgreSQL runs as where root has no namespaces. */
export const NOBODY = 65_534

const program = join(import.meta.dirname, 'child.ts')
const children = new Set<ChildProcess>()

/** Starts another process. */
export function neighbour({ uid, cwd, env }: NeighbourOptions = {}): Neighbour {
  const child = fork(program, {
    execArgv: [],
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
    ...(uid === undefined ? {} : { uid, gid: uid }),
  })
  children.add(child)
  const ended = once(child, 'exit').then(() => void children.delete(child))
  const ask = async (order: unknown) => {
    child.send(order as object)
    const [answer] = await Promise.race([
      once(child, 'message'),
      ended.then(() => [{ error: 'the process ended' }]),
    ])
    if ('error' in answer) throw new Error(answer.error)
    return answer.done
  }
  const end = async () => {
    child.kill('SIGKILL')
    await ended
  }
  return {
    pid: child.pid ?? 0,
    start: (start) => ask({ start }),
    stop: () => ask('stop'),
    exit: async () => {
      child.send('exit')
      await ended
    },
    kill: end,
  }
}

/** Ends the processes a test has left. */
export async function endNeighbours(): Promise<void> {
  await Promise.all(
    [...children].map(async (child) => {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    }),
  )
}

/** Whether user nobody can run node and read our sources here. */
export function canBeNobody(): boolean {
  if (process.getuid?.() !== 0) return false
  const { status } = spawnSync(process.execPath, ['-e', 'import(process.argv[1])', program], {
    uid: NOBODY,
    gid: NOBODY,
    cwd: '/',
  })
  return status === 0
}

/** The servers (not their sessions) whose data lies below `dir`. Linux only: elsewhere none are seen. */
export function serversIn(dir: string): number[] {
  return processes().filter(
    (pid) => argumentsOf(pid).some((argument) => argument.startsWith(dir)) && isServer(pid),
  )
}

/** The user a process runs as, as this process sees it. */
export function uidOf(pid: number): number {
  return Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

function processes(): number[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc').map(Number).filter(Number.isInteger)
}

function isServer(pid: number): boolean {
  return argumentsOf(pid)[0]?.endsWith('/postgres') === true
}

function argumentsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    return []
  }
}
