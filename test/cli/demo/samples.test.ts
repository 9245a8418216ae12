import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listAudioFiles } from '../../../src/cli/demo/audio-files.ts'
import { audioFormat } from '../../../src/cli/demo/container.ts'
import { decode } from '../../../src/cli/demo/decode.ts'
import { loudness } from '../../../src/cli/demo/loudness.ts'
import { makeSamples } from '../../../src/cli/demo/samples.ts'
import { readTags } from '../../../src/cli/demo/tags.ts'
import { FIXTURES, fixture } from './sounds.ts'

let folder: string
let samples: readonly string[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'celeriac-demo-'))
  samples = await makeSamples(folder, true)
})
afterAll(() => rm(folder, { recursive: true }))

describe('makeSamples', () => {
  test('makes files that a folder listing finds, and nothing else', async () => {
    expect(await listAudioFiles(folder)).toEqual(samples)
    expect((await readdir(folder)).length).toBe(samples.length)
  })

  test('writes tags and a cover into most of them', async () => {
    const tags = await Promise.all(samples.map(readTags))
    expect(tags.map(({ title, artist, cover }) => [title, artist, cover?.mime ?? null])).toEqual([
      ['Glass Garden', 'The Root Vegetables', 'image/jpeg'],
      ['Slow Tide', 'The Root Vegetables', 'image/jpeg'],
      ['Night Train', 'The Root Vegetables', 'image/jpeg'],
      ['4-tin-roof', null, null],
      ['Torn Tape', 'The Root Vegetables', 'image/jpeg'],
    ])
  })

  test('makes music that differs in length and loudness and does not clip', async () => {
    const heard = await Promise.all(
      samples.slice(0, 4).map(async (path) => {
        const audio = await decode(path)
        return { seconds: Math.round(audio.seconds), ...loudness(audio) }
      }),
    )
    expect(heard.map(({ seconds }) => seconds)).toEqual([12, 16, 14, 10])
    expect(new Set(heard.map(({ integratedLufs }) => Math.round(integratedLufs ?? 0))).size).toBe(4)
    for (const { truePeakDb, integratedLufs } of heard) {
      expect(truePeakDb).toBeLessThan(0)
      expect(integratedLufs).toBeGreaterThan(-30)
    }
  })

  test('ends with a file that no attempt can decode', async () => {
    const torn = samples.at(-1) ?? ''
    await expect(decode(torn)).rejects.toMatchObject({
      code: 'AUDIO_DAMAGED',
      message: expect.stringMatching(/^5-torn-tape\.wav is damaged: it ends early/),
    })
  })

  test('keeps files that are there', async () => {
    const [first = ''] = samples
    const before = await stat(first)
    expect(await makeSamples(folder)).toEqual(samples.slice(0, 4))
    expect(await makeSamples(folder, true)).toEqual(samples)
    expect((await stat(first)).ino).toBe(before.ino)
  })
})

describe('listAudioFiles', () => {
  test('finds every format by name', async () => {
    const names = (await listAudioFiles(FIXTURES)).map((path) => basename(path).split('.').at(-1))
    expect(names).toEqual(['opus', 'flac', 'mp3', 'ogg', 'opus', 'wav'])
  })

  test('says what to give where there is none', async () => {
    await expect(listAudioFiles(import.meta.dirname)).rejects.toMatchObject({ code: 'AUDIO_FOLDER' })
    await expect(listAudioFiles(fixture('nowhere'))).rejects.toMatchObject({
      code: 'AUDIO_FOLDER',
      cause: { code: 'ENOENT' },
    })
  })
})

describe('audioFormat', () => {
  test('goes by the bytes', () => {
    expect(audioFormat(Buffer.of(0xff, 0xfb, 0x90, 0), 'a')).toBe('mp3')
    expect(audioFormat(Buffer.from('RIFF\0\0\0\0WAVE'), 'a.mp3')).toBe('wav')
    expect(() => audioFormat(Buffer.from('RIFF\0\0\0\0AVI '), 'a.wav')).toThrow('a.wav is of another format')
  })
})
