import { existsSync } from 'node:fs'
import { mkdtemp, readdir, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EMBEDDED_VERSIONS } from '../../src/embedded/binaries.ts'
import { startEmbedded } from '../../src/embedded/index.ts'
import { until } from '../support/until.ts'
import { ask } from './ask.ts'
import { endNeighbours, neighbour, serversIn } from './processes.ts'

const root = await realpath(await mkdtemp(join(tmpdir(), 'celeriac ephemeral ')))
let dir = ''

beforeEach(async () => {
  dir = await mkdtemp(join(root, 'test-'))
})

afterEach(async () => {
  await endNeighbours()
  for (const pid of serversIn(dir)) process.kill(pid, 'SIGQUIT')
  await until(() => serversIn(dir).length === 0, { what: 'the end of the servers' })
})

afterAll(() => rm(root, { recursive: true, force: true, maxRetries: 5 }))

describe('ephemeral', () => {
  test.each(EMBEDDED_VERSIONS)('starts PostgreSQL %i', async (version) => {
    await using server = await startEmbedded({ ephemeral: true, dir, version })
    expect(server.version).toMatch(new RegExp(`^${version}\\.\\d+$`))
    expect(
      await ask(
        server.url,
        `select current_setting('server_version_num')::int / 10000 as major, current_setting('fsync') as fsync,
           current_setting('max_connections') as connections, lower('ÄÖ') as lower`,
      ),
    ).toEqual([{ major: version, fsync: 'off', connections: '200', lower: 'äö' }])
  })

  test('removes everything when it stops', async () => {
    const server = await startEmbedded({ ephemeral: true, dir, settings: { work_mem: '7MB' } })
    expect(await ask(server.url, 'show work_mem')).toEqual([{ work_mem: '7MB' }])
    expect([await server.stop(), await server.stop()]).toEqual([true, true])
    expect([serversIn(dir), await readdir(dir)]).toEqual([[], []])
  })

  test('leaves nothing when it does not start', async () => {
    const failing = startEmbedded({ ephemeral: true, dir, settings: { work_mem: 'a lot' } })
    await expect(failing).rejects.toMatchObject({ code: 'EMBEDDED_FAILED' })
    expect([serversIn(dir), await readdir(dir)]).toEqual([[], []])
  })

  test('goes along with a process that ends without stopping it', async () => {
    const owner = neighbour()
    const server = await owner.start({ ephemeral: true, dir })
    await owner.exit()
    await until(() => serversIn(dir).length === 0, { what: 'the end of the server' })
    expect(existsSync(server.dir)).toBe(false)
  })

  test('is swept by the next one when its owner was killed', async () => {
    const [owner, living] = [neighbour(), neighbour()]
    const [abandoned, kept] = await Promise.all([
      owner.start({ ephemeral: true, dir }),
      living.start({ ephemeral: true, dir }),
    ])
    await owner.kill()
    expect(serversIn(dir)).toHaveLength(2)
    await using server = await startEmbedded({ ephemeral: true, dir })
    expect(existsSync(abandoned.dir)).toBe(false)
    expect((await readdir(dir)).length).toBe(2)
    expect(await ask(kept.url, 'select 1 as one')).toEqual([{ one: 1 }])
    expect(await ask(server.url, 'select 1 as one')).toEqual([{ one: 1 }])
    expect(await living.stop()).toBe(true)
  })
})
