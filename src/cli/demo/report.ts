import { formatBytes } from '../../base/text.ts'
import { isFileFault } from './app.ts'
import type { Facts } from './facts.ts'
import { rootOf } from './follow.ts'
import { printable, textWidth } from './text-width.ts'
import type { Track } from './track.ts'
import { type Room, styled } from './view.ts'
import { sparkline } from './waveform.ts'

/** Room for text. */
export type Paper = Pick<Room, 'columns' | 'colour'>

const WAVE_WIDTH = { least: 8, most: 32 }
/** What stands beside the wave at most. */
const FIGURES_WIDTH = 68
/** BS.1770 measures blocks of 400 ms. */
const ONE_BLOCK_SECONDS = 0.4

/** What was found out about a file, in two or three lines. */
export function trackLines(track: Track, paper: Paper): readonly string[] {
  const { tags, waveform, loudness, artwork } = track.results
  const said = tags === undefined ? track.name : [tags.title, tags.artist].filter(Boolean).join(' · ')
  const length = waveform?.seconds ?? tags?.seconds ?? null
  const beside = [
    length === null ? null : clock(length),
    tags === undefined ? null : `catalogue no. ${tags.number}`,
    tags === undefined ? null : track.name,
  ]
  const figures = [
    loudness === undefined ? null : loudnessOf(loudness.integratedLufs, length),
    loudness === undefined ? null : `peak ${decibels(loudness.truePeakDb)}`,
    artwork === undefined ? null : covers(artwork),
  ]
  const wave = waveform === undefined ? '' : `${styled(drawWave(waveform.peaks, paper), 'cyan', paper)}  `
  const faults = new Set(track.failures.map(({ error }) => withoutName(rootOf(error).message, track)))
  return [
    [styled(printable(said), 'bold', paper), styled(joined(beside), 'dim', paper)].join('  ').trimEnd(),
    ...(joined(figures) === '' ? [] : [`  ${wave}${joined(figures)}`]),
    ...[...faults].map((fault) => `  ${styled(`✗ ${printable(fault)}`, 'red', paper)}`),
  ]
}

/** What the queue did, in five lines or so; all figures are the database's. */
export function factLines(facts: Facts, tracks: readonly Track[], paper: Paper): readonly string[] {
  const { jobs, attempts, retries, reasons, workers } = facts
  const parts = jobs - tracks.length
  const texts: (readonly [label: string, text: string])[] = [
    [
      'jobs',
      `${jobs} in ${seconds(facts.tookMs)}: ${tracks.length} demo.track, which enqueued ${parts} more`,
    ],
    ['attempts', `${attempts}, ${counted(retries, 'a retry', 'retries')}${because(reasons)}`],
    ['waits', `from due to begun ${facts.waitP50Ms} ms at the median, ${facts.waitMaxMs} ms at most`],
    ['workers', workers.map(({ name, jobs: settled }) => `${name} settled ${settled}`).join(', ')],
    ...failureFacts(facts, tracks),
  ]
  return [
    styled('What just happened', 'bold', paper),
    ...texts.map(([label, text]) => fact(label, text, paper)),
  ]
}

/** What to type next. */
export function nextLines({ example }: Facts, paper: Paper): readonly string[] {
  const commands: (readonly [command: string, meaning: string])[] = [['npx celeriac jobs', 'lists all jobs']]
  if (example !== null) {
    const meaning = example.attempts > 1 ? `took ${example.attempts} attempts` : 'tells all of one'
    commands.push([`npx celeriac job ${example.id}`, meaning])
  }
  commands.push(['npx celeriac doctor', 'checks the setup'])
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

function failureFacts({ failed }: Facts, tracks: readonly Track[]): [label: string, text: string][] {
  if (failed === 0) return []
  const hurt = tracks.filter((track) => track.failures.length > 0)
  const byFile = hurt.every((track) => track.failures.every(({ error }) => isFileFault(rootOf(error))))
  const names = hurt
    .slice(0, 3)
    .map((track) => track.name)
    .join(', ')
  const more = hurt.length > 3 ? ` and ${hurt.length - 3} more` : ''
  const why = byFile ? 'damaged files are given up at once (giveUpOn)' : 'see celeriac job <id>'
  return [['failed', `${failed} ${failed === 1 ? 'job' : 'jobs'}, of ${names}${more}; ${why}`]]
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

function covers(files: NonNullable<Track['results']['artwork']>): string {
  if (files.length === 0) return 'no cover'
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  return `cover ${files.map((file) => file.width).join(', ')} px (${formatBytes(bytes)})`
}

/** The file's name stands above already. */
function withoutName(message: string, { name }: Track): string {
  return message.startsWith(`${name} is `) ? message.slice(name.length + 4) : message
}
