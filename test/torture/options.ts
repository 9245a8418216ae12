import { parseArgs } from 'node:util'
import type { EmbeddedVersion } from '../../src/embedded/binaries.ts'
import { CONTROLS } from './controls.ts'
import { LANES } from './lanes.ts'

/** What a long run is asked for. */
export interface TortureOptions {
  /** Minutes in all, shared by versions and lanes; null for each lane's own length. */
  readonly minutes: number | null
  readonly seed: string
  readonly versions: readonly EmbeddedVersion[]
  readonly lanes: readonly string[]
  /** Names of negative controls to run as well. */
  readonly controls: readonly string[]
  readonly out: string | null
}

export const USAGE = `npm run torture -- [options]
  --minutes N        in all, shared by versions and lanes (each lane's own length when left out)
  --seed S           the same seed does the same things (a new one when left out; printed)
  --pg 15..18        versions of PostgreSQL: 18, 15..18 or 15,18 (18 when left out)
  --lane a,b         ${Object.keys(LANES).join(', ')} (all but calm when left out; none for controls alone)
  --controls [a,b]   negative controls as well: all, or those named
  --out FILE         writes the figures as JSON`

const VERSIONS: readonly EmbeddedVersion[] = [15, 16, 17, 18]

/** @throws {Error} naming the option that is wrong. */
export function readOptions(args: readonly string[]): TortureOptions {
  // A bare --controls means all of them.
  const spelled = args.flatMap((arg, index) =>
    arg === '--controls' && (args[index + 1] ?? '--').startsWith('--') ? ['--controls', 'all'] : [arg],
  )
  const { values } = parseArgs({
    args: spelled,
    options: {
      minutes: { type: 'string' },
      seed: { type: 'string' },
      pg: { type: 'string' },
      lane: { type: 'string' },
      controls: { type: 'string' },
      out: { type: 'string' },
    },
  })
  const minutes = values.minutes === undefined ? null : Number(values.minutes)
  if (minutes !== null && !(minutes > 0))
    throw new Error(`--minutes is "${values.minutes}"; give a number above 0`)
  const names = CONTROLS.map(({ name }) => name)
  return {
    minutes,
    seed: values.seed ?? String(Math.floor(Math.random() * 1e9)),
    versions: readVersions(values.pg ?? '18'),
    lanes: readLanes(values.lane),
    controls:
      values.controls === undefined
        ? []
        : values.controls === 'all'
          ? names
          : known(values.controls.split(','), names, '--controls'),
    out: values.out ?? null,
  }
}

function readLanes(text: string | undefined): string[] {
  if (text === 'none') return []
  if (text === undefined) return Object.keys(LANES).filter((name) => name !== 'calm')
  return known(text.split(','), Object.keys(LANES), '--lane')
}

function readVersions(text: string): EmbeddedVersion[] {
  const [from, to] = text.split('..').map(Number)
  const wanted = text.includes('..')
    ? VERSIONS.filter((version) => version >= (from ?? 0) && version <= (to ?? 0))
    : VERSIONS.filter((version) => text.split(',').map(Number).includes(version))
  if (wanted.length === 0) throw new Error(`--pg is "${text}"; give 18, 15..18 or 15,18`)
  return wanted
}

function known(given: readonly string[], names: readonly string[], option: string): string[] {
  const strange = given.find((name) => !names.includes(name))
  if (strange !== undefined) throw new Error(`${option} names "${strange}"; there is ${names.join(', ')}`)
  return [...given]
}
