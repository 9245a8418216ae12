import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { decode, decodeChunks } from '../../../src/cli/demo/decode.ts'
import { BITRATES, encodeMp3 } from '../../../src/cli/demo/mp3.ts'
import { readTags } from '../../../src/cli/demo/tags.ts'
import { useFolder } from './folder.ts'
import { fixture } from './sounds.ts'

const folder = useFolder()

describe('encodeMp3', () => {
  test.each(
    BITRATES.flatMap((kbps) => ['two-tones.wav', 'six-channels.opus'].map((file) => [kbps, file] as const)),
  )('gives %i kbit/s of %s, as long as it was', async (kbps, file) => {
    const path = join(folder.path, `${kbps}.mp3`)
    const bytes = await encodeMp3(decodeChunks(fixture(file)), kbps)
    await writeFile(path, bytes)
    const [before, after] = await Promise.all([decode(fixture(file)), decode(path)])
    expect(after).toMatchObject({ sampleRate: 44_100, channels: { length: 2 } })
    // A decoder that knows no gapless header hears the coder's run-in and its last frame, too.
    expect(after.seconds - before.seconds).toBeGreaterThanOrEqual(0)
    expect(after.seconds - before.seconds).toBeLessThan(0.1)
    expect((bytes.length * 8) / after.seconds / 1000 / kbps).toBeCloseTo(1, 0.9)
    expect((await readTags(path)).container).toBe('MPEG')
  })

  test('reports how far it is', async () => {
    const done: number[] = []
    await encodeMp3(decodeChunks(fixture('two-tones.flac')), 128, (part) => done.push(part))
    expect(done.at(-1)).toBe(1)
  })
})
