import type { Duration } from '../base/duration.ts'
import { CeleriacError } from '../base/errors.ts'

/** A number as it was typed; NaN for anything else, which the check that follows refuses. */
export function numberOf(text: string): number {
  return /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN
}

/** A duration as it was typed: `30s`, or ms without a unit; whoever reads it checks it. */
export function durationOf(text: string): Duration {
  return /^\d+$/.test(text) ? Number(text) : (text as Duration)
}

/** `--label tenant=acme --label trace=7`; a label is added to those before. */
export function addLabel(
  text: string,
  labels: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const at = text.indexOf('=')
  if (at < 1)
    throw new CeleriacError('OPTION_INVALID', { option: '--label', problem: 'must be like tenant=acme' })
  return { ...labels, [text.slice(0, at)]: text.slice(at + 1) }
}

/**
 * Reads `-X`: names between commas.
 *
 * @throws {CeleriacError} `OPTION_INVALID` for an empty name
 */
export function readExclude(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim())
  if (!names.includes('')) return names
  const problem = 'names an empty queue; write mail,default'
  throw new CeleriacError('OPTION_INVALID', { option: '--exclude', problem })
}

/**
 * Reads `-q`: `mail,default` is a list, in order; `mail:4,default` gives weights, 1 where none is written.
 *
 * @throws {CeleriacError} `OPTION_INVALID` for an empty name or one that is there twice
 */
export function readQueues(text: string): readonly string[] | Readonly<Record<string, number>> {
  const entries = text.split(',').map((entry) => {
    const [, name = '', weight] = /^(.*?)(?::(\d+))?$/.exec(entry.trim()) ?? []
    return { name, weight }
  })
  const names = entries.map((entry) => entry.name)
  const problem = names.includes('')
    ? 'names an empty queue; write mail,default or mail:4,default:1'
    : new Set(names).size < names.length
      ? 'names a queue twice'
      : null
  if (problem !== null) throw new CeleriacError('OPTION_INVALID', { option: '--queues', problem })
  if (entries.every((entry) => entry.weight === undefined)) return names
  return Object.fromEntries(entries.map(({ name, weight }) => [name, Number(weight ?? 1)]))
}
