import { setFlagsFromString } from 'node:v8'
import { Script } from 'node:vm'
import { isMainThread } from 'node:worker_threads'

/**
 * Ends the process as `kill -9` would, after saying why: its sessions and locks fall, and others run its jobs.
 *
 * @param write - writes a line at once
 */
export function killProcess(why: string, write: (line: string) => void): void {
  write(`celeriac: process ${process.pid} ends at once so that other workers can run its jobs: ${why}\n`)
  process.kill(process.pid, 'SIGKILL')
  // Only process 1 of a container is still here: no signal of its own kills it, but a fault of its own does.
  fault()
}

/** Main threads have `process.abort()`; the others, no better way to a breakpoint that nobody waits for. */
function fault(): void {
  if (isMainThread) process.abort()
  setFlagsFromString('--allow-natives-syntax')
  new Script('%SystemBreak()').runInThisContext()
}
