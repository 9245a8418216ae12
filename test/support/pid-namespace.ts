import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Runs a command as process 1 of a namespace of its own, as containers do. */
export const AS_PROCESS_1 = ['unshare', '--pid', '--fork', '--kill-child'] as const

/** Why that cannot be had here; null when it can. Linux only, and it takes rights. */
export const noNamespaces: string | null = ((): string | null => {
  const [command, ...args] = AS_PROCESS_1
  const { status, error, stderr } = spawnSync(command, [...args, 'true'], { encoding: 'utf8' })
  return status === 0 ? null : (error?.message ?? stderr.trim())
})()

/** What the command started, as seen from outside: its process id there is not 1. */
export function childOf(pid: number): number {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  return Number(child)
}
