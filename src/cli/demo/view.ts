import { styleText } from 'node:util'
import type { JobState } from '../../job/state.ts'
import { styleOfState } from '../look.ts'
import { MARKS } from '../workflow-view.ts'
import { fitWidth, printable, textWidth } from './text-width.ts'
import { failuresOf, isSettled, type Step, type StepName, standingOf, stepsOf, type Track } from './track.ts'

/** How much room there is. */
export interface Room {
  readonly columns: number
  readonly rows: number
  readonly colour: boolean
}

type Style = Parameters<typeof styleText>[0]

/** How a job looks: by its state, but for those that are tried again and those that never ran. */
type Look = JobState | 'retrying' | 'skipped'

function inLook(look: Look): readonly [mark: string, style: Style] {
  if (look === 'retrying') return ['↻', 'yellow']
  if (look === 'skipped') return [MARKS.cancelled, 'dim']
  return [MARKS[look], styleOfState(look) ?? 'reset']
}

/** The branches of an upload: what stands deeper and below waits for what it hangs on. */
const BRANCHES: readonly (readonly [line: string, ...steps: StepName[]])[] = [
  ['├─ ', 'upload'],
  ['├─┬─ ', 'tags'],
  ['│ │  └─ ', 'art'],
  ['│ └─┬─ ', 'waveform'],
  ['│   │  └─ ', 'normalise'],
  ['│   ├─ ', 'rights'],
  ['│   └─ ', 'encode'],
  ['└─ ', 'index', 'publish', 'notify'],
]
/** Below them, once it has something to do. */
const ON_ERROR = ['└╌ ', 'apologise'] as const

const LABELS: Readonly<Partial<Record<StepName, string>>> = {
  art: 'art, 8 sizes × 2',
  encode: 'mp3 128, 192, 320',
  publish: 'followers',
  apologise: 'tell the uploader',
}

const BAR_WIDTH = 12
const NAME_WIDTH = 24
const COUNT_WIDTH = 12
const LABEL_COLUMN = 32

/** A line before it is cut to its width: texts, each with a style. */
type Line = readonly (readonly [text: string, style?: Style])[]

/**
 * Draws uploads as lines that fit the room: never wider than the terminal, never higher.
 *
 * Each takes a line; as many as there is room for show their branches, those first where something has failed or goes
 * on. When not even the lines have room, the last one counts what is not shown.
 */
export function drawTracks(tracks: readonly Track[], room: Room): readonly string[] {
  const ranked = byInterest(tracks)
  const listed = tracks.length <= room.rows ? ranked : ranked.slice(0, Math.max(1, room.rows - 1))
  const trees = Math.floor((room.rows - listed.length) / (BRANCHES.length + 1))
  const drawn = new Set(tracks.length <= room.rows ? ranked.slice(0, trees) : [])
  const hidden = tracks.length - listed.length
  const lines = tracks
    .filter((track) => listed.includes(track))
    .flatMap((track): Line[] => [headLine(track), ...(drawn.has(track) ? branchLines(track) : [])])
  const tail: Line[] = hidden === 0 ? [] : [[[`… and ${hidden} more`, 'dim']]]
  return [...lines, ...tail].map((line) => cut(line, room))
}

function branchLines(track: Track): Line[] {
  const handled = stepsOf(track, 'apologise').length > 0
  return [...BRANCHES, ...(handled ? [ON_ERROR] : [])].map(([line, ...names]): Line => {
    const [name] = names
    if (name !== undefined && names.length === 1) return stepLine(track, line, name)
    return [[line, 'dim'], ...names.flatMap((each): Line => [...marked(track, each), ['   ']])]
  })
}

function headLine(track: Track): Line {
  const { steps } = track
  const settled = steps.filter(isSettled).length
  const [mark, style] = inLook(headLook(track))
  return [
    [`${mark} `, style],
    [`${fitWidth(track.upload.track, NAME_WIDTH)} `, 'bold'],
    [drawBar(steps.length === 0 ? 0 : settled / steps.length), style],
    [(steps.length === 0 ? '' : `  ${settled} of ${steps.length}`).padEnd(COUNT_WIDTH)],
    [printable(noteOf(track)), 'dim'],
  ]
}

function stepLine(track: Track, line: string, name: StepName): Line {
  const steps = stepsOf(track, name)
  const [step] = steps
  const label = marked(track, name, LABEL_COLUMN - textWidth(line))
  if (step === undefined) return [[line, 'dim'], ...label]
  if (steps.length === 1)
    return [[line, 'dim'], ...label, [printable(detailOf(step)), inLook(lookOf(step))[1]]]
  return [[line, 'dim'], ...label, ...steps.map((one) => inLook(lookOf(one)))]
}

/** A task with the state of its jobs. */
function marked(track: Track, name: StepName, width?: number): Line {
  const [mark, style] = inLook(worst(stepsOf(track, name)))
  const label = LABELS[name] ?? name
  return [[`${mark} `, style], [width === undefined ? label : fitWidth(label, width - 2)]]
}

function cut(line: Line, room: Room): string {
  let left = room.columns - 1
  const texts = line.map(([text, style]) => {
    const part = textWidth(text) <= left ? text : fitWidth(text, left)
    left -= textWidth(part)
    return style === undefined || part === '' ? part : styled(part, style, room)
  })
  return texts.join('').trimEnd()
}

function detailOf(step: Step): string {
  const look = lookOf(step)
  if (look === 'running' && step.done !== null) return drawBar(step.done)
  if (look === 'retrying') return `attempt ${step.attempt}: ${lastReason(step)}`
  if (look === 'running' && step.attempt > 1) return `attempt ${step.attempt}`
  if (look === 'succeeded' && step.attempt > 1) return `in attempt ${step.attempt}`
  return look === 'failed' ? (step.error ?? 'it failed') : ''
}

const lastReason = ({ reasons }: Step): string => reasons.at(-1) ?? 'it failed'

/** What is worth a word about the whole upload. */
function noteOf(track: Track): string {
  const [failure] = failuresOf(track)
  if (failure !== undefined) return `${failure.name}: ${failure.error ?? 'it failed'}`
  const retried = track.steps.find((step) => lookOf(step) === 'retrying')
  return retried === undefined ? '' : `${retried.name}: ${lastReason(retried)}`
}

/** How a job looks. */
export function lookOf(step: Step): Look {
  if (step.skipped) return 'skipped'
  return step.state === 'pending' && step.attempt > 0 ? 'retrying' : step.state
}

const BY_WEIGHT: readonly Look[] = [
  'failed',
  'retrying',
  'running',
  'skipped',
  'cancelled',
  'pending',
  'waiting',
  'succeeded',
]

function worst(steps: readonly Step[]): Look {
  const looks = steps.map(lookOf)
  return BY_WEIGHT.find((look) => looks.includes(look)) ?? 'waiting'
}

function headLook(track: Track): Look {
  switch (standingOf(track)) {
    case 'waiting':
      return 'waiting'
    case 'running':
      return failuresOf(track).length > 0 ? 'failed' : 'running'
    case 'published':
      return 'succeeded'
    case 'failed':
      return 'failed'
    case 'cancelled':
      return 'cancelled'
  }
}

function byInterest(tracks: readonly Track[]): readonly Track[] {
  const rank = (track: Track): number => {
    const standing = standingOf(track)
    if (failuresOf(track).length > 0) return 0
    if (standing === 'running') return 1
    return standing === 'waiting' ? 3 : 2
  }
  return tracks
    .map((track, index) => ({ track, index, rank: rank(track) }))
    .sort((a, b) => a.rank - b.rank || a.index - b.index)
    .map(({ track }) => track)
}

function drawBar(part: number): string {
  const full = Math.round(Math.min(1, Math.max(0, part)) * BAR_WIDTH)
  return '▇'.repeat(full) + '▁'.repeat(BAR_WIDTH - full)
}

/** A text in a style, or as it is where there are no colours. */
export function styled(text: string, style: Style, room: Pick<Room, 'colour'>): string {
  return room.colour ? styleText(style, text, { validateStream: false }) : text
}

/** What a job is called in sentences. */
export const labelOf = (name: StepName): string => printable(LABELS[name] ?? name)
