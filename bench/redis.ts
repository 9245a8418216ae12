import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pause } from './harness/clock.ts'

/** The Redis that BullMQ is measured on, of this run alone; it writes nothing to disk. */
export interface Redis extends AsyncDisposable {
  readonly version: string
  readonly pid: number
  readonly url: string
  empty(): Promise<void>
}

/** Starts a Redis on a free port; undefined where there is no `redis-server`. */
export async function startRedis(): Promise<Redis | undefined> {
  const found = spawnSync('redis-server', ['--version'], { encoding: 'utf8' })
  if (found.status !== 0) return undefined
  const dir = await mkdtemp(join(tmpdir(), 'celeriac-bench-redis-'))
  const port = await freePort()
  const server = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--appendonly', 'no', '--save', '', '--dir', dir],
    { stdio: 'ignore' },
  )
  const kill = () => void server.kill('SIGKILL')
  const killAndRemove = () => {
    kill()
    rmSync(dir, { recursive: true, force: true })
  }
  process.once('exit', killAndRemove)
  await waitFor(port, server)
  return {
    version: /v=(\S+)/.exec(found.stdout)?.[1] ?? 'unknown',
    pid: server.pid ?? 0,
    url: `redis://127.0.0.1:${port}`,
    empty: () => command(port, 'FLUSHALL'),
    [Symbol.asyncDispose]: async () => {
      if (server.exitCode === null) {
        kill()
        await once(server, 'exit')
      }
      process.removeListener('exit', killAndRemove)
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

async function waitFor(port: number, server: ChildProcess): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return await command(port, 'PING')
    } catch (error) {
      if (tries === 100 || server.exitCode !== null) throw error
      await pause(50)
    }
  }
}

/** Sends one inline command and waits for an answer that is not an error. */
async function command(port: number, text: string): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    socket.write(`${text}\r\n`)
    const [answer] = await once(socket, 'data')
    if (String(answer).startsWith('-')) throw new Error(String(answer))
  } finally {
    socket.destroy()
  }
}
