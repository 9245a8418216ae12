import { randomUUID } from 'node:crypto'
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startEmbedded } from '../../src/embedded/index.ts'
import { placeIn } from '../../src/embedded/place.ts'
import { findPostmaster } from '../../src/embedded/postmaster.ts'
import { isAlive } from '../../src/embedded/process-identity.ts'
import { until } from '../support/until.ts'
import { ask } from './ask.ts'
import { canBeNobody, endNeighbours, NOBODY, neighbour, serversIn, uidOf } from './processes.ts'

const root = await realpath(await mkdtemp(join(tmpdir(), 'celeriac embedded ')))
/** A project's folder, new for each test; its path has a space. */
let dir = ''
const isRoot = process.getuid?.() === 0

beforeEach(async () => {
  await chmod(root, 0o777)
  dir = join(root, randomUUID().slice(0, 8), '.celeriac')
  await mkdir(join(dir, '..'))
})

afterEach(async () => {
  await endNeighbours()
  for (const pid of serversIn(dir)) process.kill(pid, 'SIGQUIT')
  await until(() => serversIn(dir).length === 0, { what: 'the end of the servers' })
})

afterAll(() => rm(root, { recursive: true, force: true, maxRetries: 5 }))

describe('start', () => {
  test('makes a cluster that takes connections and keeps its data', async () => {
    const first = await startEmbedded({ dir })
    expect(first).toMatchObject({
      adopted: false,
      dir: join(dir, 'pg18'),
      version: expect.stringMatching(/^18\.\d+$/),
    })
    expect(await ask(first.url, 'create table fruit (name text)')).toEqual([])
    expect(
      await ask(first.url, `select current_database() as name, current_setting('fsync') as fsync`),
    ).toEqual([{ name: 'celeriac', fsync: 'on' }])
    expect(await first.stop()).toBe(true)
    expect(serversIn(dir)).toEqual([])

    const second = await startEmbedded({ dir })
    expect(second).toMatchObject({ adopted: false, createdMs: 0, url: first.url })
    expect(await ask(second.url, 'select * from fruit')).toEqual([])
    expect(await second.stop()).toBe(true)
  })

  test('keeps password, log and data to their owner, and all out of git', async () => {
    await using server = await startEmbedded({ dir })
    const modes = await Promise.all(
      ['password', 'postgres.log', 'data'].map(
        async (name) => (await stat(join(server.dir, name))).mode & 0o777,
      ),
    )
    expect(modes).toEqual([0o600, 0o600, 0o700])
    expect(await readFile(join(dir, '.gitignore'), 'utf8')).toBe('*\n')
    const guess = new URL(server.url)
    guess.password = 'postgres'
    await expect(ask(guess.href, 'select 1')).rejects.toMatchObject({ code: '28P01' })
  })

  test('shows what the server logged when it does not start', async () => {
    const failing = startEmbedded({ dir, settings: { shared_buffers: 'a lot' } })
    await expect(failing).rejects.toMatchObject({
      code: 'EMBEDDED_FAILED',
      message: expect.stringContaining('invalid value for parameter "shared_buffers"'),
    })
    const server = await startEmbedded({ dir })
    expect(await server.stop()).toBe(true)
  })

  test('refuses a port that is taken when it was asked for, and takes another when not', async () => {
    const first = await startEmbedded({ dir })
    const port = Number(new URL(first.url).port)
    await first.stop()
    const squatter = createServer().listen(port, '127.0.0.1')
    await until(() => squatter.listening)
    try {
      await expect(startEmbedded({ dir, port })).rejects.toMatchObject({
        code: 'EMBEDDED_FAILED',
        message: expect.stringContaining('Address already in use'),
      })
      const second = await startEmbedded({ dir })
      expect(new URL(second.url).port).not.toBe(String(port))
      await second.stop()
    } finally {
      squatter.close()
    }
  })

  test('starts over a pid file whose number now belongs to somebody else', async () => {
    const first = await startEmbedded({ dir })
    await first.stop()
    const stale = [process.pid, join(dir, 'pg18', 'data'), 1, 5432, '', '127.0.0.1', '', 'ready', '']
    await writeFile(join(dir, 'pg18', 'data', 'postmaster.pid'), stale.join('\n'))
    const second = await startEmbedded({ dir })
    expect(second.adopted).toBe(false)
    expect(await second.stop()).toBe(true)
  })

  test('recovers after kill -9 of the server', async () => {
    const first = await startEmbedded({ dir })
    await ask(first.url, 'create table fruit as select 1 as one')
    const pid = await pidOf(dir)
    process.kill(pid, 'SIGKILL')
    await until(() => !isAlive(pid))
    const second = await startEmbedded({ dir })
    expect(second.adopted).toBe(false)
    expect(await ask(second.url, 'select one from fruit')).toEqual([{ one: 1 }])
    // The first is still registered here, and one server serves both.
    expect([await second.stop(), await first.stop()]).toEqual([false, true])
  })
})

describe('adopt', () => {
  test('shares one server between processes until the last one is out', async () => {
    const [a, b] = [neighbour(), neighbour()]
    const first = await a.start({ dir })
    const second = await b.start({ dir })
    expect([first.adopted, second.adopted]).toEqual([false, true])
    expect(second.url).toBe(first.url)
    expect(await a.stop()).toBe(false)
    expect(await ask(second.url, 'select 1 as one')).toEqual([{ one: 1 }])
    expect(await b.stop()).toBe(true)
    expect(serversIn(dir)).toEqual([])
  })

  test('adopts the server of a process that was killed, and stops it in the end', async () => {
    const owner = neighbour()
    const first = await owner.start({ dir })
    const pid = await pidOf(dir)
    await owner.kill()
    const second = await startEmbedded({ dir })
    expect(second).toMatchObject({ adopted: true, url: first.url })
    expect(await pidOf(dir)).toBe(pid)
    expect(await readdir(join(dir, 'pg18', 'users'))).toHaveLength(1)
    expect(await second.stop()).toBe(true)
    expect(isAlive(pid)).toBe(false)
  })

  test('leaves the server to whoever is connected to it', async () => {
    const first = await startEmbedded({ dir })
    const client = new pg.Client({ connectionString: first.url })
    await client.connect()
    expect(await first.stop()).toBe(false)
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    await client.end()
    const second = await startEmbedded({ dir })
    expect([second.adopted, await second.stop()]).toEqual([true, true])
  })

  test('ends with one server after twenty concurrent starts', async () => {
    const neighbours = Array.from({ length: 20 }, () => neighbour())
    const servers = await Promise.all(neighbours.map((each) => each.start({ dir })))
    expect(servers.filter((server) => !server.adopted)).toHaveLength(1)
    expect(new Set(servers.map((server) => server.url)).size).toBe(1)
    expect(serversIn(dir)).toHaveLength(1)
    const stopped = await Promise.all(neighbours.map((each) => each.stop()))
    expect(stopped.filter(Boolean)).toHaveLength(1)
    expect(serversIn(dir)).toEqual([])
  })

  test('goes on where a process killed while starting left off', async () => {
    const killed = neighbour()
    const starting = killed.start({ dir }).catch(() => 'killed')
    await until(async () => (await readdir(join(dir, 'pg18'))).some((name) => name.startsWith('data.')), {
      every: 2,
      what: 'initdb',
    })
    await killed.kill()
    expect(await starting).toBe('killed')
    const server = await startEmbedded({ dir })
    expect(server.adopted).toBe(false)
    expect(await ask(server.url, 'select 1 as one')).toEqual([{ one: 1 }])
    expect(await server.stop()).toBe(true)
  })
})

describe('privileges', () => {
  test.runIf(isRoot)('runs as nobody where root has no user namespaces', async () => {
    const bin = join(root, 'no namespaces')
    await mkdir(bin, { recursive: true })
    await writeFile(join(bin, 'unshare'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
    const { start, stop } = neighbour({ env: { PATH: `${bin}:${process.env.PATH}` } })
    const { url } = await start({ dir })
    expect(uidOf(await pidOf(dir))).toBe(NOBODY)
    expect(await ask(url, 'select 1 as one')).toEqual([{ one: 1 }])
    expect(await stop()).toBe(true)
    // The same folder, now with namespaces where they work: the data changes hands.
    const again = await startEmbedded({ dir })
    expect(await ask(again.url, 'select 1 as one')).toEqual([{ one: 1 }])
    expect(await again.stop()).toBe(true)
  })

  test.runIf(isRoot)('names the closed folder when nobody cannot enter it', async () => {
    const bin = join(root, 'no namespaces')
    await mkdir(bin, { recursive: true })
    await writeFile(join(bin, 'unshare'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
    const home = join(dir, '..')
    await chmod(home, 0o700)
    const { start } = neighbour({ env: { PATH: `${bin}:${process.env.PATH}` } })
    await expect(start({ dir })).rejects.toThrow(`user ${NOBODY} cannot enter ${home}`)
  })

  test.runIf(canBeNobody())('runs for a normal user', async () => {
    const home = join(dir, '..')
    await chown(home, NOBODY, NOBODY)
    const { start, stop } = neighbour({ uid: NOBODY, cwd: home })
    const { url, dir: folder } = await start({})
    expect(folder).toBe(join(dir, 'pg18'))
    expect(uidOf(await pidOf(dir))).toBe(NOBODY)
    expect(await ask(url, 'select 1 as one')).toEqual([{ one: 1 }])
    expect(await stop()).toBe(true)
  })
})

async function pidOf(folder: string): Promise<number> {
  const server = await findPostmaster(placeIn(join(folder, 'pg18')).data)
  return server?.pid ?? Number.NaN
}
