import { formatBytes } from '../../base/text.ts'
import { isFileFault } from './app.ts'
import type { Facts } from './facts.ts'
import { rootOf } from './follow.ts'
import { fitWidth, printable } from './text-width.ts'
import type { Track } from './track.ts'
import { type Room, styled } from './view.ts'
import { sparkline } from './waveform.ts'

/** Room for text. */
export type Paper = Pick<Room, 'columns' | 'colour'>

const WAVE_WIDTH = 32
const NAME_WIDTH = 44

/** What was found out about a file, in two or three lines. */
export function trackLines(track: Track, paper: Paper): readonly string[] {
  const { tags, waveform, loudness, artwork } = track.results
  const said = tags === undefined ? track.name : [tags.title, tags.artist].filter(Boolean).join(' · ')
  const seconds = waveform?.seconds ?? tags?.seconds ?? null
  const title = `${styled(fitWidth(said, NAME_WIDTH), 'bold', paper)} ${seconds === null ? '' : clock(seconds)}`
  const measured = [
    loudness === undefined ? null : level(loudness.integratedLufs, 'LUFS'),
    loudness === undefined ? null : level(loudness.truePeakDb, 'dBTP'),
    artwork === undefined ? null : covers(artwork),
    tags === undefined ? null : `catalogue no. ${tags.number}`,
  ].filter((one) => one !== null)
  const wave =
    waveform === undefined ? '' : `${styled(sparkline(waveform.peaks, WAVE_WIDTH), 'cyan', paper)}  `
  const faults = new Set(
    track.failures.map(({ error }) => `✗ ${printable(withoutName(rootOf(error).message, track))}`),
  )
  return [
    title.trimEnd(),
    ...(measured.length === 0 ? [] : [`  ${wave}${measured.join(' · ')}`]),
    ...[...faults].map((fault) => `  ${styled(fault, 'red', paper)}`),
  ]
}

/** What the queue did, in five lines or so; all figures are the database's. */
export function factLines(facts: Facts, tracks: readonly Track[], paper: Paper): readonly string[] {
  const { jobs, attempts, retries, reason, workers } = facts
  const parts = jobs - tracks.length
  return [
    styled('What just happened', 'bold', paper),
    fact(
      'jobs',
      `${jobs} in ${seconds(facts.tookMs)}: ${tracks.length} demo.track, which enqueued ${parts} more`,
    ),
    fact('attempts', `${attempts}, ${counted(retries, 'retry', 'retries')}${because(reason)}`),
    fact(
      'waits',
      `${facts.waitP50Ms} ms from due to begun at the median (p50), ${facts.waitMaxMs} ms at most`,
    ),
    fact(
      'workers',
      `${workers.map(({ name, jobs: done }) => `${name} settled ${done}`).join(', ')}; nothing between them but PostgreSQL`,
    ),
    ...failureFacts(facts, tracks),
  ]
}

/** What to type next. */
export function nextLines({ example }: Facts, paper: Paper): readonly string[] {
  const commands: (readonly [command: string, meaning: string])[] = [
    ['npx celeriac jobs', 'the jobs of this run, and all others'],
  ]
  if (example !== null) {
    const meaning =
      example.attempts > 1
        ? `a ${example.task} that took ${example.attempts} attempts`
        : `a ${example.task} job`
    commands.push([`npx celeriac job ${example.id}`, meaning])
  }
  commands.push(['npx celeriac doctor', 'checks this installation'])
  const width = Math.max(...commands.map(([command]) => command.length)) + 3
  return [
    styled('Try next', 'bold', paper),
    ...commands.map(
      ([command, meaning]) =>
        `  ${styled(command.padEnd(width), 'cyan', paper)}${styled(meaning, 'dim', paper)}`,
    ),
  ]
}

/** One labelled line, as the demo prints what it has done. */
export function fact(label: string, text: string): string {
  return `  ${label.padEnd(10)}${printable(text)}`
}

export function seconds(ms: number): string {
  return ms < 100 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`
}

function counted(count: number, one: string, many: string): string {
  return `${count === 0 ? 'no' : count} ${count === 1 ? one : many}`
}

function because(reason: Facts['reason']): string {
  return reason === null ? '' : `; mostly "${reason.text}" (${reason.times} times)`
}

function failureFacts({ failed }: Facts, tracks: readonly Track[]): readonly string[] {
  if (failed === 0) return []
  const hurt = tracks.filter((track) => track.failures.length > 0)
  const byFile = hurt.every((track) => track.failures.every(({ error }) => isFileFault(rootOf(error))))
  const names = hurt
    .slice(0, 3)
    .map((track) => track.name)
    .join(', ')
  const more = hurt.length > 3 ? ` and ${hurt.length - 3} more` : ''
  const why = byFile ? 'the file is at fault, so no further attempt (giveUpOn)' : 'see celeriac job <id>'
  return [fact('failed', `${counted(failed, 'job', 'jobs')} on ${names}${more}: ${why}`)]
}

function clock(length: number): string {
  const whole = Math.round(length)
  const [hours, minutes] = [Math.floor(whole / 3_600), Math.floor((whole % 3_600) / 60)]
  const tail = String(whole % 60).padStart(2, '0')
  return hours === 0 ? `${minutes}:${tail}` : `${hours}:${String(minutes).padStart(2, '0')}:${tail}`
}

const level = (value: number | null, unit: string): string =>
  value === null ? 'silent' : `${value.toFixed(1)} ${unit}`

function covers(files: NonNullable<Track['results']['artwork']>): string {
  if (files.length === 0) return 'no cover'
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  return `cover ${files.map((file) => file.width).join(', ')} px (${formatBytes(bytes)})`
}

/** The file's name stands above already. */
function withoutName(message: string, { name }: Track): string {
  return message.startsWith(`${name} is `) ? message.slice(name.length + 4) : message
}
