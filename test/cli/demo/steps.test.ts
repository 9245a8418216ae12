import sharp from 'sharp'
import { beforeAll, describe, expect, test } from 'vitest'
import { listCloud, pathIn, readBytes } from '../../../src/cli/demo/cloud.ts'
import { decode } from '../../../src/cli/demo/decode.ts'
import { loudness } from '../../../src/cli/demo/loudness.ts'
import { apologise, indexTrack, notify, publishTo } from '../../../src/cli/demo/publish-steps.ts'
import { makeSamples } from '../../../src/cli/demo/samples.ts'
import { analyse, encode, extractTags, makePicture, normalise } from '../../../src/cli/demo/steps.ts'
import { type Uploaded, uploadFile } from '../../../src/cli/demo/upload.ts'
import { useFolder } from './folder.ts'
import { fixture } from './sounds.ts'

const folder = useFolder()
const { signal } = new AbortController()
const here = () => ({ cloud: folder.path, signal, report: () => undefined })
const upload = (path: string, track: string): Promise<Uploaded> =>
  uploadFile(folder.path, { path, track }, { ...here(), pieceMs: 0 })
const textOf = async (key: string): Promise<string> =>
  Buffer.from(await readBytes(folder.path, key)).toString()

let train: Uploaded
let bare: Uploaded
beforeAll(async () => {
  const music = await makeSamples(pathIn(folder.path, '.music'))
  train = await upload(music[2] ?? '', 'night-train')
  bare = await upload(fixture('two-tones.wav'), 'two-tones')
})

describe('extractTags', () => {
  test('keeps the tags and the cover of a recording', async () => {
    const tagged = await extractTags(here(), train)
    expect(tagged).toMatchObject({
      track: 'night-train',
      title: 'Night Train',
      artist: 'The Root Vegetables',
      cover: 'night-train/cover.jpg',
    })
    expect(JSON.parse(await textOf('night-train/tags.json'))).toEqual(tagged)
    expect((await sharp(await readBytes(folder.path, tagged.cover)).metadata()).format).toBe('jpeg')
  })

  test('draws a cover where there is none, always the same', async () => {
    const { title, cover } = await extractTags(here(), bare)
    expect(title).toBe('Two Tones')
    const first = await readBytes(folder.path, cover)
    await extractTags(here(), bare)
    expect(Buffer.from(first).equals(await readBytes(folder.path, cover))).toBe(true)
  })
})

describe('makePicture', () => {
  test('puts a format of the cover into the cloud', async () => {
    const tagged = await extractTags(here(), train)
    const picture = await makePicture(here(), tagged, { size: 48, density: 2 })
    expect(picture).toMatchObject({ key: 'night-train/art/48@2x.webp', size: 48, density: 2, pixels: 96 })
    expect((await readBytes(folder.path, picture.key)).length).toBe(picture.bytes)
  })
})

describe('analyse, normalise, encode', () => {
  test('turn a recording into mp3s as loud as all others', async () => {
    const analysis = await analyse(here(), train)
    expect(analysis.waveform.seconds).toBeCloseTo(14, 0)
    expect(analysis.waveform.peaks).toHaveLength(200)
    expect(await sharp(await readBytes(folder.path, analysis.picture)).metadata()).toMatchObject({
      format: 'png',
      width: 1_200,
    })

    const sound = await normalise(here(), analysis)
    const heard = loudness(await decode(pathIn(folder.path, sound.key)))
    expect(heard.integratedLufs).toBeCloseTo(sound.loudness.integratedLufs ?? 0, 1)
    expect(Math.max((heard.integratedLufs ?? 0) - -14, (heard.truePeakDb ?? 0) - -1)).toBeCloseTo(0, 1)

    const mp3 = await encode(here(), sound, 192)
    expect(mp3).toMatchObject({ kbps: 192, key: 'night-train/night-train-192.mp3' })
    const again = loudness(await decode(pathIn(folder.path, mp3.key)))
    expect(again.integratedLufs).toBeCloseTo(heard.integratedLufs ?? 0, 0)
  })
})

describe('what follows', () => {
  const media = {
    art: [{ key: 'night-train/art/256@1x.webp', bytes: 1, size: 256, density: 1, pixels: 256 } as const],
    audio: [{ key: 'night-train/night-train-128.mp3', bytes: 2, kbps: 128 } as const],
  }

  test('a track is found by the words of its tags', async () => {
    await extractTags(here(), train)
    const { key } = await indexTrack(here(), 'night-train')
    expect(JSON.parse(await textOf(key)).words).toEqual([
      'for',
      'music',
      'night',
      'queues',
      'root',
      'the',
      'train',
      'vegetables',
    ])
  })

  test('a follower gets its picture and where to listen', async () => {
    await extractTags(here(), train)
    const { key } = await publishTo(here(), 'night-train', 'ada', media)
    expect(JSON.parse(await textOf(key))).toEqual({
      track: 'night-train',
      title: 'Night Train',
      artist: 'The Root Vegetables',
      picture: 'night-train/art/256@1x.webp',
      listen: { 128: 'night-train/night-train-128.mp3' },
    })
  })

  test('the uploader is told once', async () => {
    await extractTags(here(), train)
    expect(await notify(here(), 'night-train', media)).toEqual({
      key: 'outbox/night-train.published.eml',
      sent: true,
    })
    expect((await notify(here(), 'night-train', media)).sent).toBe(false)
    expect(await textOf('outbox/night-train.published.eml')).toContain(
      '128 kbit/s: night-train/night-train-128.mp3',
    )
  })

  test('the uploader is told why it was not published', async () => {
    const { key } = await apologise(here(), 'night-train', 'it infringes a copyright')
    expect(await textOf(key)).toContain('was not published: it infringes a copyright.')
    const letters = (await listCloud(folder.path)).filter((file) => file.key.startsWith('outbox/night'))
    expect(letters).toHaveLength(2)
  })
})
