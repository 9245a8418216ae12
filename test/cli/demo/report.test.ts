import { describe, expect, test } from 'vitest'
import { CeleriacError, JobFailedError } from '../../../src/base/errors.ts'
import type { Facts } from '../../../src/cli/demo/facts.ts'
import { fact, factLines, nextLines, trackLines } from '../../../src/cli/demo/report.ts'
import { newTrack, type Track } from '../../../src/cli/demo/track.ts'

const PAPER = { columns: 100, colour: false }
const JOB = { jobId: '01a1fd6d-2eed-77cb-a93e-3d528b4d160d', task: 'demo.waveform', attempt: 1 }

const aTrack = (results: Track['results'] = {}): Track =>
  Object.assign(newTrack('/music/a.flac', 'a.flac'), { results })
const TAGS = { title: 'Air', artist: 'Bach', album: null, seconds: 61, container: 'FLAC', number: 7 }

const someFacts = (facts: Partial<Facts> = {}): Facts => ({
  jobs: 5,
  attempts: 7,
  retries: 2,
  failed: 0,
  reasons: [{ text: 'catalogue: 503 busy', times: 2 }],
  waitP50Ms: 4,
  waitMaxMs: 40,
  workers: [{ name: 'demo-1', jobs: 5 }],
  tookMs: 1_234,
  example: { id: JOB.jobId, task: 'demo.tags', attempts: 3 },
  ...facts,
})

describe('trackLines', () => {
  test('tells what was measured', () => {
    const track = aTrack({
      tags: TAGS,
      waveform: { seconds: 61.4, peaks: [0.1, 0.2] },
      loudness: { integratedLufs: -14.23, truePeakDb: -1, samplePeakDb: -1.2 },
      artwork: [{ path: 'a.webp', width: 64, height: 64, bytes: 2_048 }],
    })
    expect(trackLines(track, PAPER)).toEqual([
      'Air · Bach  1:01 · catalogue no. 7 · a.flac',
      `  ${'▅'.repeat(16)}${'█'.repeat(16)}  -14.2 LUFS · peak -1.0 dBTP · cover 64 px (2 KB)`,
    ])
  })

  test('draws silence without a level', () => {
    const track = aTrack({
      waveform: { seconds: 2, peaks: [0] },
      loudness: { integratedLufs: null, truePeakDb: null, samplePeakDb: null },
    })
    expect(trackLines(track, PAPER)).toEqual(['a.flac  2.0 s', `  ${'▁'.repeat(32)}  silent · peak none`])
  })

  test('names a fault once, however many parts it met', () => {
    const track = aTrack()
    const cause = new CeleriacError('AUDIO_DAMAGED', { file: 'a.flac', problem: 'it ends \x1b[2Jearly' })
    for (const part of ['waveform', 'loudness'] as const) {
      track.failures.push({ part, error: new JobFailedError(JOB, { cause }) })
    }
    expect(trackLines(track, PAPER)).toEqual(['a.flac', '  ✗ damaged: it ends  [2Jearly'])
  })
})

describe('factLines', () => {
  test('says what the queue did', () => {
    expect(factLines(someFacts(), [aTrack()], PAPER)).toEqual([
      'What just happened',
      '  jobs      5 in 1.2 s: 1 demo.track, which enqueued 4 more',
      '  attempts  7, 2 of them retries: catalogue: 503 busy (2)',
      '  waits     from due to begun 4 ms at the median, 40 ms at most',
      '  workers   demo-1 settled 5',
    ])
  })

  test('does not blame a file for what it has not done', () => {
    const track = aTrack()
    track.failures.push({ part: 'tags', error: new JobFailedError(JOB, { cause: new Error('no network') }) })
    expect(factLines(someFacts({ failed: 1 }), [track], PAPER).at(-1)).toBe(
      '  failed    1 job, of a.flac; see celeriac job <id>',
    )
  })
})

describe('nextLines', () => {
  test('names a job worth looking at', () => {
    const lines = nextLines(someFacts(), PAPER)
    expect(lines[2]).toBe(`  npx celeriac job ${JOB.jobId}   took 3 attempts`)
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
