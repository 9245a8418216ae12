import { describe, expect, test } from 'vitest'
import type { Facts } from '../../../src/cli/demo/facts.ts'
import type { Loudness } from '../../../src/cli/demo/loudness.ts'
import { fact, factLines, nextLines, trackLines } from '../../../src/cli/demo/report.ts'
import type { TrackResults } from '../../../src/cli/demo/results.ts'
import { aTrack, settledTrack } from './tracks.ts'

const PAPER = { columns: 100, colour: false }
const JOB_ID = '01a1fd6d-2eed-77cb-a93e-3d528b4d160d'

const NOTHING: TrackResults = { art: [], audio: [] }
const TAGS = {
  track: 'night-train',
  title: 'Air',
  artist: 'Bach',
  album: null,
  seconds: 61,
  container: 'FLAC',
  cover: 'night-train/cover.jpg',
}
const CLOUD = { place: '.celeriac/demo/cloud', files: [{ key: 'outbox/a.eml', bytes: 2_048 }] }

const someFacts = (facts: Partial<Facts> = {}): Facts => ({
  jobs: 5,
  attempts: 7,
  retries: 2,
  failed: 0,
  reasons: [{ text: 'copyright service: 503 busy', times: 2 }],
  waits: [
    { task: 'demo.rights', priority: 20, p50Ms: 4 },
    { task: 'demo.encode', priority: 5, p50Ms: 40 },
    { task: 'demo.art', priority: 0, p50Ms: 2_345 },
  ],
  workers: [{ name: 'demo-1', jobs: 5 }],
  tookMs: 1_234,
  example: { id: JOB_ID, task: 'demo.rights', attempts: 3 },
  ...facts,
})

const analysisOf = (loudness: Loudness, peaks: readonly number[], seconds: number) => ({
  track: 'night-train',
  original: 'night-train/original/air.flac',
  waveform: { seconds, peaks },
  loudness,
  picture: 'night-train/waveform.png',
})
const SOUND = {
  track: 'night-train',
  key: 'night-train/normalised.wav',
  bytes: 1,
  gainDb: -1.2,
  loudness: { integratedLufs: -14, truePeakDb: -1, samplePeakDb: -1 },
}

describe('trackLines', () => {
  test('tells what was measured and made', () => {
    const results: TrackResults = {
      tags: TAGS,
      analysis: analysisOf({ integratedLufs: -12.83, truePeakDb: -1, samplePeakDb: -1.2 }, [0.1, 0.2], 61.4),
      sound: SOUND,
      clearance: { entry: 7 },
      art: [{ key: 'a', bytes: 2_048, size: 64, density: 1, pixels: 64 }],
      audio: [
        { key: 'b', bytes: 1_024, kbps: 128 },
        { key: 'c', bytes: 1_024, kbps: 320 },
      ],
    }
    expect(trackLines(settledTrack(), results, PAPER)).toEqual([
      'Air · Bach  1:01 · night-train',
      `  ${'▅'.repeat(16)}${'█'.repeat(16)}  -12.8 LUFS → -14.0 LUFS · peak -1.0 dBTP · cleared, entry 7`,
      '  1 pictures (2 KB) · mp3 128, 320 kbit/s (2 KB)',
      '  ✓ published',
    ])
  })

  test('draws silence without a level', () => {
    const analysis = analysisOf({ integratedLufs: null, truePeakDb: null, samplePeakDb: null }, [0], 2)
    expect(trackLines(settledTrack(), { ...NOTHING, analysis }, PAPER).slice(0, 2)).toEqual([
      'night-train  2.0 s · night-train',
      `  ${'▁'.repeat(32)}  silent`,
    ])
  })

  test('says why it was not published', () => {
    const track = settledTrack('failed')
    const failed = aTrack({
      rights: { state: 'failed', error: 'it \x1b[2Jinfringes' },
      apologise: { state: 'succeeded' },
    })
    track.steps = [
      ...track.steps.map((step) => ({ ...step, skipped: true })),
      ...failed.steps.filter(({ name }) => name === 'rights' || name === 'apologise'),
    ]
    expect(trackLines(track, NOTHING, PAPER)).toEqual([
      'night-train  night-train',
      '  ✗ rights: it  [2Jinfringes; not published, and the uploader is told',
    ])
    expect(trackLines(track, NOTHING, { ...PAPER, columns: 50 }).slice(1)).toEqual([
      '  ✗ rights: it  [2Jinfringes; not published,',
      '    and the uploader is told',
    ])
  })
})

describe('factLines', () => {
  test('says what the queue did', () => {
    expect(factLines(someFacts(), [settledTrack()], CLOUD, PAPER).join('\n').split('\n')).toEqual([
      'What just happened',
      '  jobs      5 in 1.2 s, enqueued as one canvas',
      '  attempts  7, 2 of them retries: copyright service: 503 busy (2)',
      '  waits     from due to begun, at the median: the copyright check (priority 20) 4 ms, a picture',
      '            (priority 0) 2.3 s',
      '  workers   demo-1 settled 5',
      '  files     1 (2 KB) in .celeriac/demo/cloud, 1 of them a letter',
    ])
  })

  test('counts what failed and what never ran', () => {
    const track = aTrack({
      rights: { state: 'failed', error: 'it infringes' },
      encode: { state: 'failed', skipped: true },
    })
    expect(factLines(someFacts({ failed: 4 }), [track], CLOUD, PAPER)).toContain(
      '  failed    1 job; 3 that depend on them never ran and are settled, too',
    )
  })
})

describe('nextLines', () => {
  test('names a canvas and a job worth looking at', () => {
    const lines = nextLines(someFacts(), JOB_ID, PAPER)
    expect(lines[1]).toBe(`  npx celeriac workflow ${JOB_ID}   draws a canvas`)
    expect(lines[2]).toBe(`  npx celeriac job ${JOB_ID}        took 3 attempts`)
    expect(lines.every((line) => line.length < 80)).toBe(true)
  })
})

describe('fact', () => {
  test('breaks at words and indents what follows', () => {
    expect(fact('music', 'one two three four five six', { columns: 33, colour: false })).toBe(
      '  music     one two three four\n            five six',
    )
  })
})
