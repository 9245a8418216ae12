import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createFile, listCloud, moveIn, newDraft, readBytes, saveFile } from '../../../src/cli/demo/cloud.ts'
import { useFolder } from './folder.ts'

const cloud = useFolder()
const textOf = async (key: string): Promise<string> =>
  Buffer.from(await readBytes(cloud.path, key)).toString()

describe('saveFile', () => {
  test('writes over what is there', async () => {
    await saveFile(cloud.path, 'a/b.txt', 'one')
    expect(await saveFile(cloud.path, 'a/b.txt', 'größer')).toEqual({ key: 'a/b.txt', bytes: 8 })
    expect(await textOf('a/b.txt')).toBe('größer')
  })
})

describe('createFile', () => {
  test('lets one of many write', async () => {
    const tries = await Promise.all(
      Array.from({ length: 20 }, (_, index) => createFile(cloud.path, 'once.txt', String(index))),
    )
    expect(tries.filter(Boolean)).toHaveLength(1)
    expect(await textOf('once.txt')).toBe(String(tries.indexOf(true)))
  })
})

describe('listCloud', () => {
  test('names every file by its key, and no draft', async () => {
    const draft = await newDraft(cloud.path)
    await writeFile(draft, 'half')
    const moved = await newDraft(cloud.path)
    await writeFile(moved, 'whole')
    await moveIn(cloud.path, moved, 'c/d/e.txt')
    expect(await listCloud(cloud.path)).toEqual([
      { key: join('a', 'b.txt'), bytes: 8 },
      { key: join('c', 'd', 'e.txt'), bytes: 5 },
      { key: 'once.txt', bytes: expect.any(Number) },
    ])
  })
})
