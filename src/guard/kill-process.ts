/**
 * Ends the process as `kill -9` would, after saying why: its sessions and locks fall, and others run its jobs.
 *
 * @param write - writes a line at once
 */
export function killProcess(why: string, write: (line: string) => void): void {
  write(`celeriac: process ${process.pid} ends at once so that other workers can run its jobs: ${why}\n`)
  process.kill(process.pid, 'SIGKILL')
}
