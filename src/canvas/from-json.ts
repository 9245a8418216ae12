import { CeleriacError } from '../base/errors.ts'
import { type Codec, decodeValue } from '../base/json.ts'
import { MAX_DEPTH } from '../base/json-encode.ts'
import { pathOf, type Spot } from '../base/json-path.ts'
import { assertTaskName, didYouMean } from '../base/names.ts'
import { instant } from '../base/options.ts'
import { preview, quote } from '../base/text.ts'
import type { CommonData, GroupData, MapData, SignatureData, SignatureOptions, TaskData } from './data.ts'
import { memberNameProblem } from './members.ts'
import { checkedOptions } from './options.ts'

const COMMON = ['kind', 'options', 'links', 'errbacks', 'optional']
const FIELDS: Readonly<Record<SignatureData['kind'], readonly string[]>> = {
  task: ['task', 'args', 'immutable'],
  map: ['task', 'items', 'spread', 'allowFailures'],
  chain: ['steps'],
  group: ['members', 'allowFailures'],
  chord: ['header', 'body'],
}
const KINDS = ['task', 'map', 'chain', 'group', 'chord'] as const

/**
 * Reads a signature from its JSON form. Nothing in it is ignored: a field that nobody knows is refused.
 *
 * @param codec - of the app whose jobs they will be; args are written with it
 * @throws {CeleriacError} `CANVAS_INVALID` naming the place, `DECODE_FAILED`
 */
export function dataFromJson(json: unknown, codec: Codec | undefined): SignatureData {
  return new Reader(codec).read(json, { parent: null }, 0)
}

type Fields = Readonly<Record<string, unknown>>

class Reader {
  readonly #codec: Codec | undefined

  constructor(codec: Codec | undefined) {
    this.#codec = codec
  }

  read(json: unknown, spot: Spot, depth: number): SignatureData {
    if (depth > MAX_DEPTH) throw invalid(spot, `is nested deeper than ${MAX_DEPTH} levels`)
    const fields = fieldsOf(json, spot, 'a signature, which is an object with a "kind"')
    const here: Spot = { ...spot, value: fields }
    const kind = KINDS.find((known) => known === fields.kind)
    if (kind === undefined)
      throw invalid(at(here, 'kind'), `must be one of ${KINDS.join(', ')}; got ${preview(fields.kind)}`)
    refuseOthers(fields, [...COMMON, ...FIELDS[kind]], here)
    const common = this.#common(fields, here, depth)
    switch (kind) {
      case 'task':
        return frozen({ kind, ...this.#task(fields, here), ...common })
      case 'map':
        return frozen({ kind, ...this.#map(fields, here), ...common })
      case 'chain':
        return frozen({ kind, steps: this.#list(fields, 'steps', here, depth), ...common })
      case 'group':
        return frozen({ kind, ...this.#group(fields, here, depth), ...common })
      case 'chord':
        return frozen({ kind, ...this.#chord(fields, here, depth), ...common })
    }
  }

  #task(fields: Fields, here: Spot): Omit<TaskData, 'kind'> {
    const immutable = flagOf(fields, 'immutable', here)
    return {
      task: taskOf(fields, here),
      args: this.#values(fields, 'args', here),
      ...(immutable && { immutable }),
    }
  }

  #map(fields: Fields, here: Spot): Omit<MapData, 'kind'> {
    const { spread } = fields
    if (typeof spread !== 'boolean')
      throw invalid(at(here, 'spread'), `must be true or false; got ${preview(spread)}`)
    const items = this.#values(fields, 'items', here)
    const single = spread ? items.findIndex((item) => !Array.isArray(item)) : -1
    if (single !== -1)
      throw invalid(at(at(here, 'items'), single), `must be a list of args; got ${preview(items[single])}`)
    const allowFailures = flagOf(fields, 'allowFailures', here)
    return { task: taskOf(fields, here), items, spread, ...(allowFailures && { allowFailures }) }
  }

  #group(fields: Fields, here: Spot, depth: number): Omit<GroupData, 'kind'> {
    const allowFailures = flagOf(fields, 'allowFailures', here)
    const flags = allowFailures && { allowFailures }
    if (Array.isArray(fields.members))
      return { members: this.#list(fields, 'members', here, depth), ...flags }
    const spot = at(here, 'members')
    const members = fieldsOf(fields.members, spot, 'a list of signatures, or an object of them')
    const read = Object.entries(members).map(([name, member]): [string, SignatureData] => {
      const problem = memberNameProblem(name)
      if (problem !== null) throw invalid(spot, problem)
      return [name, this.read(member, at({ ...spot, value: members }, name), depth + 1)]
    })
    return { members: Object.freeze(Object.fromEntries(read)), ...flags }
  }

  #chord(fields: Fields, here: Spot, depth: number): { header: GroupData; body: SignatureData } {
    const header = this.read(fields.header, at(here, 'header'), depth + 1)
    if (header.kind !== 'group') throw invalid(at(here, 'header'), `must be a group; it is a ${header.kind}`)
    return { header, body: this.read(fields.body, at(here, 'body'), depth + 1) }
  }

  #common(fields: Fields, here: Spot, depth: number): CommonData {
    return {
      ...(fields.options !== undefined && { options: optionsOf(fields.options, at(here, 'options')) }),
      ...(fields.links !== undefined && { links: this.#list(fields, 'links', here, depth) }),
      ...(fields.errbacks !== undefined && { errbacks: this.#errbacks(fields, here, depth) }),
      ...(fields.optional !== undefined && {
        optional: this.#optional(fields.optional, at(here, 'optional')),
      }),
    }
  }

  #errbacks(fields: Fields, here: Spot, depth: number): readonly TaskData[] {
    const read = this.#list(fields, 'errbacks', here, depth).map((errback, index) => {
      if (errback.kind === 'task') return errback
      throw invalid(at(at(here, 'errbacks'), index), `must be of kind task; it is a ${errback.kind}`)
    })
    return Object.freeze(read)
  }

  #optional(json: unknown, spot: Spot): { readonly value: unknown } {
    const fields = fieldsOf(json, spot, 'an object with a "value"')
    refuseOthers(fields, ['value'], spot)
    if (!Object.hasOwn(fields, 'value')) throw invalid(spot, 'has no "value"')
    return Object.freeze({ value: decodeValue(fields.value, this.#codec, 'optional value') })
  }

  #list(fields: Fields, name: string, here: Spot, depth: number): readonly SignatureData[] {
    const spot = at(here, name)
    const list = listOf(fields[name], spot, 'signatures')
    const inside: Spot = { ...spot, value: list }
    return Object.freeze(Array.from(list, (one, index) => this.read(one, at(inside, index), depth + 1)))
  }

  #values(fields: Fields, name: string, here: Spot): readonly unknown[] {
    const list = listOf(fields[name], at(here, name), 'values')
    return Object.freeze(Array.from(list, (value) => decodeValue(value, this.#codec, 'argument')))
  }
}

const at = (parent: Spot, key: string | number): Spot => ({ parent, key })
const frozen = <Data extends SignatureData>(data: Data): Data => Object.freeze(data)

function taskOf(fields: Fields, here: Spot): string {
  return within(at(here, 'task'), () => assertTaskName(fields.task))
}

function flagOf(fields: Fields, name: string, here: Spot): true | undefined {
  const flag = fields[name]
  if (flag === undefined || flag === false) return undefined
  if (flag === true) return true
  throw invalid(at(here, name), `must be true or false; got ${preview(flag)}`)
}

function optionsOf(json: unknown, spot: Spot): SignatureOptions {
  const fields = fieldsOf(json, spot, 'an object')
  if ('tx' in fields) throw invalid(spot, 'has a "tx", which no JSON can hold; give it when it is enqueued')
  return within(spot, () => {
    // In JSON an instant is text, which as an option would be a duration.
    const { expires } = fields
    const instants = typeof expires === 'string' &&
      DATE.test(expires) && { expires: instant(expires, 'expires') }
    return checkedOptions({ ...fields, ...instants })
  })
}

const DATE = /^[+-]?\d+-/

function listOf(value: unknown, spot: Spot, of: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid(spot, `must be a list of ${of}; got ${preview(value)}`)
  refuseCycle(value, spot)
  return value
}

function fieldsOf(value: unknown, spot: Spot, what: string): Fields {
  if (!isFields(value)) throw invalid(spot, `must be ${what}; got ${preview(value)}`)
  refuseCycle(value, spot)
  return value
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function refuseCycle(value: object, spot: Spot): void {
  for (let above = spot.parent; above !== null; above = above.parent) {
    if (above.value === value) throw invalid(spot, `refers back to ${pathOf(above)}`)
  }
}

function refuseOthers(fields: Fields, known: readonly string[], here: Spot): void {
  const other = Object.keys(fields).find((name) => !known.includes(name))
  if (other !== undefined)
    throw invalid(here, `has a field ${quote(other)} that nobody knows; ${didYouMean(other, known)}`)
}

/** Says where it was that something was refused. */
function within<Value>(spot: Spot, read: () => Value): Value {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof CeleriacError)) throw error
    throw invalid(spot, `is refused: ${error.message}`, error)
  }
}

function invalid(spot: Spot, problem: string, cause?: unknown): CeleriacError<'CANVAS_INVALID'> {
  return new CeleriacError(
    'CANVAS_INVALID',
    { path: pathOf(spot), problem },
    cause === undefined ? {} : { cause },
  )
}
