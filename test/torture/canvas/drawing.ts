import type { Random } from '../random.ts'

/*
 * Canvases as the torture draws them: a small language of its own, so that what they must come to is said a second time
 * and without any of the planner's code. It goes into the history as it is.
 */

/** What a node does when it runs. */
export type Way = 'ok' | 'fail-once' | 'fail' | 'replace' | 'add'

/** A single job; its mark tells it from every other. */
export interface DrawnNode {
  readonly k: 'node'
  readonly mark: string
  readonly way: Way
  /** What it mixes its input with. */
  readonly own: number
  /** Ignores what comes before. */
  readonly immutable?: true
  /** What follows goes on without it. */
  readonly optional?: true
  readonly link?: Drawing
  /** Mark of its error callback. */
  readonly errback?: string
}

export interface DrawnChain {
  readonly k: 'chain'
  readonly steps: readonly Drawing[]
  readonly errback?: string
}

export interface DrawnGroup {
  readonly k: 'group'
  readonly members: readonly Drawing[]
  readonly allowFailures: boolean
}

export interface DrawnChord {
  readonly k: 'chord'
  readonly header: DrawnGroup
  readonly body: DrawnNode | DrawnChain
  readonly errback?: string
}

export type Drawing = DrawnNode | DrawnChain | DrawnGroup | DrawnChord

/** Ends of marks of what handlers make. */
export const REPLACEMENTS = ['+r1', '+r2'] as const
export const ADDED = '+a'

const MODULUS = 1_000_000_007

/** The value of a node that takes what has been folded into a number. */
export function mix(own: number, input: number): number {
  return Number((BigInt(own) * 31n + BigInt(input) * 131n + 7n) % BigInt(MODULUS))
}

/** Stands for nothing at all, for an error, and for what an optional node has not given. */
export const NOTHING = 17
export const ERROR = 13
export const MISSING = -1

/** One number of what a node is given: of a list, with its order. */
export function fold(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => (sum * 37 + number + 1) % MODULUS, numbers.length)
}

/** A canvas of more than one job. */
export function draw(random: Random, mark: string): Drawing {
  return new Artist(random, mark).canvas()
}

/** All jobs that a canvas is started with, in the order of its definition. */
export function nodesOf(drawing: Drawing): DrawnNode[] {
  switch (drawing.k) {
    case 'node':
      return [drawing, ...(drawing.link === undefined ? [] : nodesOf(drawing.link))]
    case 'chain':
      return drawing.steps.flatMap(nodesOf)
    case 'group':
      return drawing.members.flatMap(nodesOf)
    case 'chord':
      return [...nodesOf(drawing.header), ...nodesOf(drawing.body)]
  }
}

class Artist {
  readonly #random: Random
  readonly #mark: string
  #count = 0

  constructor(random: Random, mark: string) {
    this.#random = random
    this.#mark = mark
  }

  canvas(): Drawing {
    const kind = this.#random.weighted({ chain: 4, group: 2, chord: 4 })
    return kind === 'chain' ? this.#chain(2) : kind === 'group' ? this.#group(2) : this.#chord(2)
  }

  #any(depth: number, isMember: boolean): Drawing {
    const kind =
      depth === 0 ? 'node' : this.#random.weighted({ node: 6, chain: 2, chord: 2, group: isMember ? 0 : 1 })
    switch (kind) {
      case 'node':
        return this.#node(isMember ? MEMBER_WAYS : WAYS, depth > 0)
      case 'chain':
        return this.#chain(depth - 1)
      case 'group':
        return this.#group(depth - 1)
      case 'chord':
        return this.#chord(depth - 1)
    }
  }

  #node(ways: Readonly<Partial<Record<Way, number>>> = WAYS, mayLink = false): DrawnNode {
    const random = this.#random
    const mark = this.#next('/')
    const way = random.weighted(ways)
    return {
      k: 'node',
      mark,
      way,
      own: random.integer(1, 1_000_000),
      ...(random.chance(0.1) && { immutable: true }),
      ...(random.chance(0.08) && { optional: true }),
      ...(mayLink && random.chance(0.1) && { link: random.chance(0.7) ? this.#node() : this.#steps() }),
      ...(random.chance(0.15) && { errback: `${mark}!` }),
    }
  }

  #steps(): DrawnChain {
    return { k: 'chain', steps: Array.from({ length: this.#random.integer(2, 3) }, () => this.#node()) }
  }

  #chain(depth: number): DrawnChain {
    if (this.#random.chance(0.2)) return { ...this.#steps(), errback: this.#next('!') }
    return {
      k: 'chain',
      steps: Array.from({ length: this.#random.integer(2, 4) }, () => this.#any(depth, false)),
    }
  }

  #group(depth: number): DrawnGroup {
    const members = Array.from({ length: this.#random.integer(2, 4) }, () => this.#any(depth, true))
    return { k: 'group', members, allowFailures: this.#random.chance(0.2) }
  }

  #chord(depth: number): DrawnChord {
    const header = this.#group(depth)
    const body = this.#random.chance(0.7) ? this.#node() : this.#steps()
    return { k: 'chord', header, body, ...(this.#random.chance(0.4) && { errback: this.#next('!') }) }
  }

  #next(sign: '/' | '!'): string {
    this.#count += 1
    return `${this.#mark}${sign}${this.#count}`
  }
}

const WAYS = { ok: 82, 'fail-once': 7, fail: 4, replace: 5 } as const
const MEMBER_WAYS = { ...WAYS, add: 5 } as const
