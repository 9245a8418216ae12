import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { PoolMode } from './fake-pooler.ts'
import { until } from './until.ts'

const BINARY = process.env.CELERIAC_TEST_PGBOUNCER ?? 'pgbouncer'

/** Version of the PgBouncer at hand; null, and a word why, when there is none. */
export function pgBouncerVersion(): string | null {
  const { stdout, error } = spawnSync(BINARY, ['--version'], { encoding: 'utf8' })
  const version = /PgBouncer (\S+)/.exec(stdout ?? '')?.[1]
  if (version !== undefined) return version
  console.warn(
    `SKIPPED: no PgBouncer (${error?.message ?? 'it does not say its version'}); set CELERIAC_TEST_PGBOUNCER`,
  )
  return null
}

/** A PgBouncer of its own. */
export interface PgBouncer extends AsyncDisposable {
  readonly url: string
  /** Ends it and starts it again. */
  restart(): Promise<void>
}

/** Starts a PgBouncer before a database. */
export async function startPgBouncer(url: string, mode: PoolMode): Promise<PgBouncer> {
  const to = new URL(url)
  const port = await freePort()
  const dir = mkdtempSync(join(tmpdir(), 'celeriac pgbouncer '))
  chmodSync(dir, 0o755)
  const path = join(dir, 'pgbouncer.ini')
  const name = to.pathname.slice(1)
  writeFileSync(
    path,
    `[databases]
${name} = host=${to.hostname} port=${to.port} user=${to.username} password=${to.password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
default_pool_size = ${mode === 'session' ? 40 : 5}
max_client_conn = 200
ignore_startup_parameters = extra_float_digits
`,
  )
  const through = new URL(url)
  through.host = `127.0.0.1:${port}`
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const begin = async (): Promise<ChildProcess> => {
    const child = spawn(BINARY, ['-q', ...user, path], { stdio: 'ignore' })
    await until(async () => {
      const client = new pg.Client({ connectionString: through.href })
      client.on('error', () => undefined)
      await client.connect()
      await client.end()
      return true
    })
    return child
  }
  const end = async (child: ChildProcess): Promise<void> => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    await ended
  }
  let child = await begin()
  return {
    url: through.href,
    restart: async () => {
      await end(child)
      child = await begin()
    },
    [Symbol.asyncDispose]: async () => {
      await end(child)
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}
