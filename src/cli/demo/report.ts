import { formatBytes } from '../../base/text.ts'
import type { CloudFile } from './cloud.ts'
import type { Facts } from './facts.ts'
import type { TrackResults } from './results.ts'
import { printable, textWidth } from './text-width.ts'
import { failuresOf, standingOf, type Track } from './track.ts'
import { type Room, styled } from './view.ts'
import { sparkline } from './waveform.ts'

/** Room for text. */
export type Paper = Pick<Room, 'columns' | 'colour'>

const WAVE_WIDTH = { least: 8, most: 32 }
/** What stands beside the wave at most. */
const FIGURES_WIDTH = 68
const WAITERS = [
  ['demo.rights', 'the copyright check'],
  ['demo.art', 'a picture'],
] as const
/** BS.1770 measures blocks of 400 ms. */
const ONE_BLOCK_SECONDS = 0.4

/** What became of an upload, in three lines or so. */
export function trackLines(track: Track, results: TrackResults, paper: Paper): readonly string[] {
  const { tags, analysis, sound, clearance, art, audio } = results
  const { track: name } = track.upload
  const said = tags === undefined ? name : [tags.title, tags.artist].filter(Boolean).join(' · ')
  const length = analysis?.waveform.seconds ?? null
  const figures = [
    [analysis, sound]
      .filter((one) => one !== undefined)
      .map(({ loudness }) => loudnessOf(loudness.integratedLufs, length))
      .join(' → '),
    sound === undefined ? null : `peak ${decibels(sound.loudness.truePeakDb)}`,
    clearance === undefined ? null : `cleared, entry ${clearance.entry}`,
  ]
  const made = [
    art.length === 0 ? null : `${art.length} pictures (${sizeOf(art)})`,
    audio.length === 0 ? null : `mp3 ${audio.map(({ kbps }) => kbps).join(', ')} kbit/s (${sizeOf(audio)})`,
  ]
  const wave =
    analysis === undefined ? '' : `${styled(drawWave(analysis.waveform.peaks, paper), 'cyan', paper)}  `
  const head = [length === null ? null : clock(length), name]
  return [
    `${styled(printable(said), 'bold', paper)}  ${styled(joined(head), 'dim', paper)}`,
    ...(wave === '' ? [] : [`  ${wave}${joined(figures)}`]),
    ...(joined(made) === '' ? [] : [`  ${joined(made)}`]),
    ...endLines(track, paper),
  ]
}

function endLines(track: Track, paper: Paper): readonly string[] {
  const [text, style] = endOf(track)
  const [first = '', ...more] = wrapped(printable(text), Math.max(20, paper.columns - 5))
  return [`  ${styled(first, style, paper)}`, ...more.map((line) => `    ${styled(line, style, paper)}`)]
}

function endOf(track: Track): readonly [text: string, style: 'green' | 'red' | 'dim'] {
  switch (standingOf(track)) {
    case 'published':
      return ['✓ published', 'green']
    case 'failed': {
      const faults = new Set(failuresOf(track).map(({ name, error }) => `${name}: ${error ?? 'it failed'}`))
      const told = track.steps.some(({ name, state }) => name === 'apologise' && state === 'succeeded')
      const then = told ? '; not published, and the uploader is told' : '; not published'
      return [`✗ ${[...faults].join('; ')}${then}`, 'red']
    }
    default:
      return ['⊘ cancelled', 'dim']
  }
}

/** What the queue did, in six lines or so; all figures are the database's, and the folder's. */
export function factLines(
  facts: Facts,
  tracks: readonly Track[],
  cloud: { readonly place: string; readonly files: readonly CloudFile[] },
  paper: Paper,
): readonly string[] {
  const { jobs, attempts, retries, reasons, workers } = facts
  const letters = cloud.files.filter(({ key }) => key.endsWith('.eml')).length
  const each = tracks.length === 1 ? 'one canvas' : `${tracks.length} canvases`
  const texts: (readonly [label: string, text: string])[] = [
    ['jobs', `${jobs} in ${seconds(facts.tookMs)}, enqueued as ${each}`],
    ['attempts', `${attempts}, ${counted(retries, 'a retry', 'retries')}${because(reasons)}`],
    ...waitFacts(facts),
    ['workers', workers.map(({ name, jobs: settled }) => `${name} settled ${settled}`).join(', ')],
    ...failureFacts(facts, tracks),
    [
      'files',
      `${cloud.files.length} (${sizeOf(cloud.files)}) in ${cloud.place}, ${letters} of them ${letters === 1 ? 'a letter' : 'letters'}`,
    ],
  ]
  return [
    styled('What just happened', 'bold', paper),
    ...texts.map(([label, text]) => fact(label, text, paper)),
  ]
}

/** What to type next. */
export function nextLines({ example }: Facts, workflowId: string | null, paper: Paper): readonly string[] {
  const commands: (readonly [command: string, meaning: string])[] = []
  if (workflowId !== null) commands.push([`npx celeriac workflow ${workflowId}`, 'draws a canvas'])
  if (example !== null) {
    const meaning = example.attempts > 1 ? `took ${example.attempts} attempts` : 'tells all of one'
    commands.push([`npx celeriac job ${example.id}`, meaning])
  }
  commands.push(['npx celeriac jobs', 'lists all jobs'])
  const width = Math.max(...commands.map(([command]) => command.length)) + 3
  return [
    styled('Try next', 'bold', paper),
    ...commands.map(
      ([command, meaning]) =>
        `  ${styled(command.padEnd(width), 'cyan', paper)}${styled(meaning, 'dim', paper)}`,
    ),
  ]
}

const LABEL_WIDTH = 12

/** One labelled line, or as many as the text needs, as the demo prints what it has done. */
export function fact(label: string, text: string, { columns }: Paper): string {
  const width = Math.max(20, columns - 1 - LABEL_WIDTH)
  const [first = '', ...more] = wrapped(printable(text), width)
  const indent = ' '.repeat(LABEL_WIDTH)
  return [`  ${label.padEnd(LABEL_WIDTH - 2)}${first}`, ...more.map((line) => indent + line)].join('\n')
}

function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && textWidth(last) + 1 + textWidth(word) <= width) {
      lines[lines.length - 1] = `${last} ${word}`
    } else lines.push(word)
  }
  return lines
}

export function seconds(ms: number): string {
  return ms < 100 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`
}

function counted(count: number, one: string, many: string): string {
  if (count === 0) return `none of them ${one}`
  return `${count} of them ${count === 1 ? one : many}`
}

function because(reasons: Facts['reasons']): string {
  return reasons.length === 0 ? '' : `: ${reasons.map(({ text, times }) => `${text} (${times})`).join(', ')}`
}

/** The ends of the order that priorities make. */
function waitFacts({ waits }: Facts): [label: string, text: string][] {
  const said = WAITERS.flatMap(([task, name]) => {
    const wait = waits.find((one) => one.task === task)
    return wait === undefined ? [] : [`${name} (priority ${wait.priority}) ${seconds(wait.p50Ms)}`]
  })
  return said.length === 0 ? [] : [['waits', `from due to begun, at the median: ${said.join(', ')}`]]
}

function failureFacts({ failed }: Facts, tracks: readonly Track[]): [label: string, text: string][] {
  if (failed === 0) return []
  const faults = tracks.reduce((sum, track) => sum + failuresOf(track).length, 0)
  const skipped = tracks.reduce((sum, { steps }) => sum + steps.filter((step) => step.skipped).length, 0)
  const rest = skipped === 0 ? '' : `; ${skipped} that depend on them never ran and are settled, too`
  return [['failed', `${faults} ${faults === 1 ? 'job' : 'jobs'}${rest}`]]
}

function clock(length: number): string {
  if (length < 10) return `${length.toFixed(1)} s`
  const whole = Math.round(length)
  const [hours, minutes] = [Math.floor(whole / 3_600), Math.floor((whole % 3_600) / 60)]
  const tail = String(whole % 60).padStart(2, '0')
  return hours === 0 ? `${minutes}:${tail}` : `${hours}:${String(minutes).padStart(2, '0')}:${tail}`
}

function loudnessOf(lufs: number | null, length: number | null): string {
  if (lufs !== null) return `${lufs.toFixed(1)} LUFS`
  return length !== null && length < ONE_BLOCK_SECONDS ? 'too short for LUFS' : 'silent'
}

const decibels = (value: number | null): string => (value === null ? 'none' : `${value.toFixed(1)} dBTP`)

/** On the sound's own scale, so that a quiet one has a shape too. */
function drawWave(peaks: readonly number[], { columns }: Paper): string {
  const { least, most } = WAVE_WIDTH
  const highest = peaks.reduce((high, one) => Math.max(high, one), 0) || 1
  const width = Math.max(least, Math.min(most, columns - FIGURES_WIDTH))
  return sparkline(
    peaks.map((peak) => peak / highest),
    width,
  )
}

const joined = (parts: readonly (string | null)[]): string =>
  parts
    .filter((one) => one !== null)
    .map(printable)
    .join(' · ')

const sizeOf = (files: readonly CloudFile[]): string =>
  formatBytes(files.reduce((sum, { bytes }) => sum + bytes, 0))
