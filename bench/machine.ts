import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem, type } from 'node:os'

/** What a figure was measured on; without it a figure means nothing. */
export interface Machine {
  readonly date: string
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly system: string
  readonly node: string
  readonly postgres: string
  readonly redis: string
  readonly commit: string
}

/** Describes this machine and the servers of this run. */
export function describeMachine(postgres: string, redis: string | undefined): Machine {
  const cores = cpus()
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    cpu: cores[0]?.model.trim() ?? 'unknown',
    cores: cores.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.versions.node,
    postgres,
    redis: redis ?? 'none',
    commit: commit(),
  }
}

/** The machine in a few lines of text. */
export function machineLines(machine: Machine): string[] {
  return [
    `${machine.date} UTC · celeriac at ${machine.commit}`,
    `${machine.cores} cores (${machine.cpu}), ${machine.memoryGiB} GiB, ${machine.system}`,
    `Node ${machine.node} · PostgreSQL ${machine.postgres} (shared_buffers 1 GB, fsync on, synchronous_commit on) · Redis ${machine.redis}`,
    'Everything shares these cores: server, producers and workers. Only ratios within one run mean anything.',
  ]
}

function commit(): string {
  try {
    const head = git('rev-parse', '--short', 'HEAD')
    const changed = git('status', '--porcelain', '--', '../src', '../sql')
    return changed ? `${head} and changes` : head
  } catch {
    return 'no commit'
  }
}

function git(...args: string[]): string {
  const cwd = import.meta.dirname
  return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], cwd }).trim()
}
