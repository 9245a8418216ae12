import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createMp3Encoder } from 'wasm-media-encoders'
import { decode, decodeChunks } from '../../../src/cli/demo/decode.ts'
import { encodeWav } from '../../../src/cli/demo/wav.ts'
import { fixture, sine } from './sounds.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'celeriac-demo-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function saved(name: string, bytes: Uint8Array | string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, bytes)
  return path
}

/** Crossings upwards per second: the pitch of a plain tone. */
function pitchOf(samples: Float32Array, sampleRate: number): number {
  let crossings = 0
  for (let i = 1; i < samples.length; i += 1)
    if ((samples[i - 1] ?? 0) < 0 && (samples[i] ?? 0) >= 0) crossings += 1
  return (crossings * sampleRate) / samples.length
}

describe('decode', () => {
  test.each([
    ['two-tones.mp3', 22_050, 2.5],
    ['two-tones.flac', 22_050, 1.21],
    ['two-tones.ogg', 22_050, 2.5],
    ['two-tones.opus', 48_000, 1.21],
    ['two-tones.wav', 11_025, 0.5],
  ])('gives the two tones of %s', async (file, sampleRate, seconds) => {
    const audio = await decode(fixture(file))
    expect(audio.sampleRate).toBe(sampleRate)
    expect(audio.seconds).toBeCloseTo(seconds, 2)
    expect(audio.channels.map((channel) => channel.length / sampleRate)).toEqual([
      audio.seconds,
      audio.seconds,
    ])
    const [left = 0, right = 0] = audio.channels.map((channel) => pitchOf(channel, sampleRate))
    expect(Math.abs(left - 440)).toBeLessThan(20)
    expect(Math.abs(right - 660)).toBeLessThan(20)
  })

  test.each([
    ['mp3', 0.6, /it ends early, \d+ bytes of \d+ are there/],
    ['flac', 0.6, /only \d+ samples of 26624 can be decoded/],
    ['ogg', 0.6, /it ends early, \d+ bytes of \d+ are there/],
    ['opus', 0.6, /it ends early, \d+ bytes of \d+ are there/],
    ['wav', 0.6, /it ends early, \d+ bytes of \d+ are there/],
    ['flac', 0.001, /it ends within its header/],
    ['wav', 0.001, /it has no whole fmt chunk/],
  ])('calls a cut %s damaged', async (extension, part, problem) => {
    const bytes = await readFile(fixture(`two-tones.${extension}`))
    const path = await saved(`cut.${extension}`, bytes.subarray(0, Math.round(bytes.length * part)))
    await expect(decode(path)).rejects.toMatchObject({
      code: 'AUDIO_DAMAGED',
      message: expect.stringMatching(problem),
      facts: { file: `cut.${extension}` },
    })
  })

  test('puts the six channels of an Ogg file in the order of a WAV file', async () => {
    const { channels } = await decode(fixture('six-channels.opus'))
    const peaks = channels.map((samples) =>
      samples.reduce((highest, one) => Math.max(highest, Math.abs(one)), 0),
    )
    // L R C LFE Ls Rs rise from 0.1 to 0.6; the codec blurs a little.
    expect(peaks.map((peak) => Math.round(peak * 10))).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('gives one channel for an mp3 in mono', async () => {
    const encoder = await createMp3Encoder()
    encoder.configure({ sampleRate: 44_100, channels: 1, bitrate: 64 })
    const tone = sine(-6, 1, { sampleRate: 44_100 })
    const body = Buffer.from(encoder.encode([tone])) // copied, since the encoder reuses its buffer
    const bytes = Buffer.concat([body, encoder.finalize()])
    expect((await decode(await saved('mono.mp3', bytes))).channels.length).toBe(1)
  })

  test('refuses what is not audio, whatever its name says', async () => {
    const text = await saved('text.mp3', 'not a song')
    const empty = await saved('empty.wav', '')
    await expect(decode(text)).rejects.toMatchObject({ code: 'AUDIO_UNSUPPORTED' })
    await expect(decode(empty)).rejects.toMatchObject({
      code: 'AUDIO_UNSUPPORTED',
      facts: { found: 'empty' },
    })
  })

  test('leaves the error of a missing file as it is', async () => {
    await expect(decode(join(folder, 'nowhere.mp3'))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('reads back what encodeWav writes, to the last bit', async () => {
    const exact = Float32Array.from({ length: 1000 }, (_, i) => (i * 32 - 16_000) / 32_767)
    const path = await saved('exact.wav', encodeWav(8000, [exact]))
    const { sampleRate, channels } = await decode(path)
    expect(sampleRate).toBe(8000)
    expect(Array.from(channels[0] ?? [], (sample) => sample * 2 ** 15)).toEqual(
      Array.from(exact, (sample) => Math.round(sample * 32_767)),
    )
  })

  test('reads a wav whose size was never filled in', async () => {
    const bytes = encodeWav(8000, [sine(-6, 1, { sampleRate: 8000 })])
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(40, 0xffff_ffff, true)
    expect((await decode(await saved('piped.wav', bytes))).seconds).toBe(1)
  })
})

describe('decodeChunks', () => {
  test('reports how far it has come', async () => {
    const path = await saved('long.wav', encodeWav(8000, [sine(-6, 30, { sampleRate: 8000 })]))
    const done: number[] = []
    for await (const chunk of decodeChunks(path)) done.push(chunk.done)
    expect(done.length).toBeGreaterThan(2)
    expect(done).toEqual([...done].sort((a, b) => a - b))
    expect(done.at(-1)).toBe(1)
  })

  test('stops when its signal aborts', async () => {
    const path = await saved('aborted.wav', encodeWav(8000, [sine(-6, 30, { sampleRate: 8000 })]))
    const controller = new AbortController()
    const chunks = decodeChunks(path, { signal: controller.signal })
    await chunks.next()
    controller.abort(new TypeError('enough'))
    await expect(chunks.next()).rejects.toThrow('enough')
  })
})
