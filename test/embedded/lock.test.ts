import { mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { withLock } from '../../src/embedded/lock.ts'
import { parsePostmasterPid } from '../../src/embedded/postmaster.ts'
import { fateOf, isAlive, ownIdentity } from '../../src/embedded/process-identity.ts'
import { neighbour } from './processes.ts'

const root = await realpath(await mkdtemp(join(tmpdir(), 'celeriac lock ')))
let folder = ''

beforeEach(async () => {
  folder = join(await mkdtemp(join(root, 'test-')), 'locks')
})

afterAll(() => rm(root, { recursive: true, force: true }))

describe('withLock', () => {
  test('lets one in at a time', async () => {
    let inside = 0
    const seen = await Promise.all(
      Array.from({ length: 50 }, () =>
        withLock(folder, async () => {
          inside += 1
          const most = inside
          await readdir(folder)
          inside -= 1
          return most
        }),
      ),
    )
    expect(new Set(seen)).toEqual(new Set([1]))
  })

  test('is free again after a failure', async () => {
    const failing = withLock(folder, () => Promise.reject(new RangeError('no')))
    await expect(failing).rejects.toThrow('no')
    expect(await withLock(folder, async () => 'in', 1_000)).toBe('in')
  })

  test('passes over a holder that is dead', async () => {
    const dead = neighbour()
    const identity = { ...ownIdentity(), pid: dead.pid, startedTicks: '1' }
    await dead.kill()
    await mkdir(folder)
    await writeFile(join(folder, '7'), JSON.stringify(identity))
    expect(await withLock(folder, () => readdir(folder), 1_000)).toEqual(['8'])
  })

  test('names the living holder when it does not let go', async () => {
    await mkdir(folder)
    await writeFile(join(folder, '7'), JSON.stringify(ownIdentity()))
    await expect(withLock(folder, async () => 'in', 50)).rejects.toMatchObject({
      code: 'EMBEDDED_FAILED',
      message: expect.stringContaining(`process ${process.pid}`),
    })
  })
})

describe('process identity', () => {
  test('tells a process from a later one with its number', () => {
    const own = ownIdentity()
    expect(fateOf(own)).toBe('alive')
    if (own.startedTicks !== null) expect(fateOf({ ...own, startedTicks: '1' })).toBe('dead')
    expect(fateOf({ ...own, space: 'pid:[1]' })).toBe('foreign')
  })

  test('knows a dead process', async () => {
    const { pid, kill } = neighbour()
    expect(isAlive(pid)).toBe(true)
    await kill()
    expect(isAlive(pid)).toBe(false)
  })
})

describe('parsePostmasterPid', () => {
  const lines = ['4711', '/data', '1763710000', '5433', '', '127.0.0.1', '  1234  5', 'ready   ', '']

  test('reads number, port and status', () => {
    expect(parsePostmasterPid(lines.join('\n'))).toEqual({ pid: 4711, port: 5433, status: 'ready' })
  })

  test('reads a file that is not whole yet', () => {
    expect(parsePostmasterPid('4711\n/data\n')).toEqual({ pid: 4711, port: 0, status: '' })
    expect(parsePostmasterPid('')).toBeNull()
  })
})
