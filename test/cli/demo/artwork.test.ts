import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { ART_FORMATS, resizeCover } from '../../../src/cli/demo/artwork.ts'
import { drawCover } from '../../../src/cli/demo/cover-image.ts'

const PLAIN = { size: 64, density: 1 } as const

describe('resizeCover', () => {
  test('makes a square picture for each size and density', async () => {
    const cover = await drawCover(['#000000', '#ffffff'], [0.5])
    const sides = await Promise.all(
      ART_FORMATS.map(async (format) => {
        const { width, height } = await resizeCover(cover, 'song.mp3', format)
        return width === height ? width : null
      }),
    )
    expect(sides).toEqual([32, 64, 48, 96, 64, 128, 96, 192, 128, 256, 192, 384, 256, 512, 512, 1024])
  })

  test('writes WebP', async () => {
    const { data } = await resizeCover(await drawCover(['#000000', '#ffffff'], [0.5]), 'song.mp3', PLAIN)
    const { format, width } = await sharp(data).metadata()
    expect({ format, width }).toEqual({ format: 'webp', width: 64 })
  })

  test('cuts a wide cover to its middle', async () => {
    const wide = await sharp({ create: { width: 300, height: 100, channels: 3, background: 'red' } })
      .composite([
        {
          input: { create: { width: 100, height: 100, channels: 3, background: 'blue' } },
          left: 100,
          top: 0,
        },
      ])
      .png()
      .toBuffer()
    const { data } = await resizeCover(wide, 'song.mp3', { size: 100, density: 1 })
    const { channels } = await sharp(data).stats()
    expect(channels.map(({ mean }) => Math.round(mean / 255))).toEqual([0, 0, 1])
  })

  test('does not blow a small cover up', async () => {
    const small = await sharp({ create: { width: 96, height: 96, channels: 3, background: 'red' } })
      .png()
      .toBuffer()
    expect((await resizeCover(small, 'song.mp3', PLAIN)).width).toBe(64)
    expect((await resizeCover(small, 'song.mp3', { size: 64, density: 2 })).width).toBe(96)
  })

  test('calls a cover that is no picture damaged', async () => {
    await expect(resizeCover(Buffer.from('no picture'), 'song.mp3', PLAIN)).rejects.toMatchObject({
      code: 'AUDIO_DAMAGED',
      message: expect.stringMatching(/^song\.mp3 is damaged: its cover cannot be read/),
    })
  })
})
