import { describe, expect, test } from 'vitest'
import { readTags } from '../../../src/cli/demo/tags.ts'
import { fixture } from './sounds.ts'

describe('readTags', () => {
  test.each([
    ['two-tones.mp3', 'MPEG', 2.6],
    ['two-tones.flac', 'FLAC', 1.2],
    ['two-tones.ogg', 'Ogg', 2.5],
    ['two-tones.opus', 'Ogg', 1.2],
    ['two-tones.wav', 'WAVE', 0.5],
  ])('reads who made %s and how long it is', async (file, container, seconds) => {
    const tags = await readTags(fixture(file))
    expect(tags).toMatchObject({
      title: 'Two Tones',
      artist: 'The Fixtures',
      album: 'Small Files',
      container,
    })
    expect(tags.seconds).toBeCloseTo(seconds, 1)
  })

  test.each(['two-tones.mp3', 'two-tones.flac', 'two-tones.opus'])('finds the cover of %s', async (file) => {
    const { cover } = await readTags(fixture(file))
    expect(cover?.mime).toBe('image/jpeg')
    expect(cover?.data.length).toBe(835)
  })

  test('has no cover where there is none', async () => {
    expect((await readTags(fixture('two-tones.ogg'))).cover).toBeNull()
  })

  test('leaves the error of a missing file as it is', async () => {
    await expect(readTags(fixture('nowhere.mp3'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
