import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { resizeCover } from '../../../src/cli/demo/artwork.ts'
import { drawCover } from '../../../src/cli/demo/cover-image.ts'

describe('resizeCover', () => {
  test('makes square pictures of the sizes asked for', async () => {
    const artwork = await resizeCover(await drawCover(['#000000', '#ffffff'], [0.5]), 'song.mp3')
    expect(artwork.map(({ size, width, height }) => [size, width, height])).toEqual([
      [64, 64, 64],
      [256, 256, 256],
      [512, 512, 512],
    ])
    const { format, width } = await sharp(artwork[1]?.data).metadata()
    expect({ format, width }).toEqual({ format: 'webp', width: 256 })
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
    const [picture] = await resizeCover(wide, 'song.mp3', [100])
    const { channels } = await sharp(picture?.data).stats()
    expect(channels.map(({ mean }) => Math.round(mean / 255))).toEqual([0, 0, 1])
  })

  test('does not blow a small cover up', async () => {
    const small = await sharp({ create: { width: 96, height: 96, channels: 3, background: 'red' } })
      .png()
      .toBuffer()
    const artwork = await resizeCover(small, 'song.mp3', [64, 256])
    expect(artwork.map(({ width }) => width)).toEqual([64, 96])
  })

  test('calls a cover that is no picture damaged', async () => {
    await expect(resizeCover(Buffer.from('no picture'), 'song.mp3')).rejects.toMatchObject({
      code: 'AUDIO_DAMAGED',
      message: expect.stringMatching(/^song\.mp3 is damaged: its cover cannot be read/),
    })
  })
})
