import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { listCloud, readBytes } from '../../../src/cli/demo/cloud.ts'
import { nameTracks, uploadFile } from '../../../src/cli/demo/upload.ts'
import { useFolder } from './folder.ts'
import { fixture } from './sounds.ts'

const cloud = useFolder()
const file = { path: fixture('two-tones.mp3'), track: 'two-tones' }
const { signal } = new AbortController()

describe('uploadFile', () => {
  test('brings the same bytes into the cloud and tells how far it is', async () => {
    const done: number[] = []
    const uploaded = await uploadFile(cloud.path, file, {
      report: (part) => done.push(part),
      signal,
      pieceMs: 0,
    })
    const bytes = await readFile(file.path)
    expect(uploaded).toEqual({
      track: 'two-tones',
      key: 'two-tones/original/two-tones.mp3',
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    })
    expect(Buffer.from(await readBytes(cloud.path, uploaded.key)).equals(bytes)).toBe(true)
    expect(done).toEqual(Array.from({ length: 21 }, (_, piece) => expect.closeTo(piece / 20, 2)))
  })

  test('leaves nothing behind when it is stopped', async () => {
    const stop = new AbortController()
    const track = 'stopped'
    const stopped = uploadFile(
      cloud.path,
      { ...file, track },
      { report: (part) => part > 0.5 && stop.abort(new Error('enough')), signal: stop.signal, pieceMs: 1 },
    )
    await expect(stopped).rejects.toThrow('enough')
    expect((await listCloud(cloud.path)).filter(({ key }) => key.includes(track))).toEqual([])
  })

  test('leaves the error of a missing file as it is', async () => {
    const missing = uploadFile(
      cloud.path,
      { path: fixture('nowhere.mp3'), track: 'no' },
      { report: () => undefined, signal },
    )
    await expect(missing).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('nameTracks', () => {
  test('gives names that paths and URLs can bear, each once', () => {
    const paths = ['/a/Ça va?.mp3', '/a/two.wav', '/b/two.mp3', '/b/Two!.ogg', '/b/日本.mp3', '/b/….mp3']
    expect(nameTracks(paths).map(({ track }) => track)).toEqual([
      'ca-va',
      'two',
      'two-2',
      'two-3',
      '日本',
      'track',
    ])
  })
})
