import { execFile } from 'node:child_process'

/** How a program ended, and what it printed. */
export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end; one that fails, or takes longer than a minute, is told by its code. */
export function run(
  command: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv; readonly timeoutMs?: number },
): Promise<Ran> {
  const { cwd, env = process.env, timeoutMs = 60_000 } = options
  return new Promise((resolve) => {
    const child = execFile(
      command,
      args,
      { cwd, env, timeout: timeoutMs, maxBuffer: 1 << 26 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
        resolve({ code, stdout, stderr: code === -1 ? `${stderr}\n${error?.message}` : stderr })
      },
    )
    child.stdin?.end()
  })
}
