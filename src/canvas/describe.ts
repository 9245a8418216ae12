import { clip, quote } from '../base/text.ts'
import type { GroupMembers, SignatureData } from './data.ts'
import { isList } from './json.ts'

const MOST_BYTES = 1024
const LONGEST_ARG = 40

/** A canvas for people: `add(2, 2) | sum([…])`. At most 1 KB; what is longer ends in `…`. */
export function describe(data: SignatureData): string {
  const text = new Text()
  write(data, text, 'alone')
  return text.toString()
}

/** Where a signature stands: a chain within something that binds its parts is put in parentheses. */
type Place = 'alone' | 'step'

function write(data: SignatureData, text: Text, place: Place): void {
  if (text.full) return
  switch (data.kind) {
    case 'task':
      text.add(data.task, '(')
      each(data.args, text, ', ', (arg) => text.add(shown(arg)))
      text.add(')')
      return
    case 'map':
      text.add(data.task, data.spread ? '.starmap(' : '.map(', shown(data.items), ')')
      return
    case 'chain':
      if (place === 'step') text.add('(')
      each(data.steps, text, ' | ', (step) => write(step, text, 'step'))
      if (place === 'step') text.add(')')
      return
    case 'group':
      text.add('group(')
      members(data.members, text)
      text.add(')')
      return
    case 'chord':
      text.add('chord(', isList(data.header.members) ? '[' : '')
      members(data.header.members, text)
      text.add(isList(data.header.members) ? '], ' : ', ')
      write(data.body, text, 'alone')
      text.add(')')
  }
}

function members(given: GroupMembers, text: Text): void {
  if (isList(given)) {
    each(given, text, ', ', (member) => write(member, text, 'alone'))
    return
  }
  text.add('{ ')
  each(Object.entries(given), text, ', ', ([name, member]) => {
    text.add(PLAIN_NAME.test(name) ? name : quote(name, LONGEST_ARG), ': ')
    write(member, text, 'alone')
  })
  text.add(' }')
}

const PLAIN_NAME = /^[\p{L}_$][\p{L}\p{N}_$]{0,40}$/u

function each<Item>(items: readonly Item[], text: Text, between: string, one: (item: Item) => void): void {
  for (const [index, item] of items.entries()) {
    if (text.full) return
    if (index > 0) text.add(between)
    one(item)
  }
}

/** Scalars as they are; of lists and objects only that they hold something. */
function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return quote(value, LONGEST_ARG)
    case 'bigint':
      return `${clip(String(value), LONGEST_ARG - 1)}n`
    case 'object':
      return value === null ? 'null' : shownObject(value)
    case 'function':
    case 'symbol':
      return '…'
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value)
    default:
      return String(value)
  }
}

function shownObject(value: object): string {
  if (Array.isArray(value)) return value.length === 0 ? '[]' : '[…]'
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? '…' : value.toISOString()
  return Object.keys(value).length === 0 ? '{}' : '{…}'
}

/** Text that ends when there is enough of it. */
class Text {
  #text = ''
  #bytes = 0
  full = false

  add(...parts: readonly string[]): void {
    for (const part of parts) {
      if (this.full) return
      this.#text += part
      this.#bytes += Buffer.byteLength(part)
      // What is over is cut off at the end; a part may be no longer than a name.
      if (this.#bytes > MOST_BYTES) this.full = true
    }
  }

  toString(): string {
    if (!this.full) return this.#text
    let text = this.#text
    while (Buffer.byteLength(text) > MOST_BYTES - 3) {
      const over = Buffer.byteLength(text) - (MOST_BYTES - 3)
      text = text.slice(0, -Math.max(1, Math.floor(over / 3))).replace(/[\uD800-\uDBFF]$/, '')
    }
    return `${text}…`
  }
}
