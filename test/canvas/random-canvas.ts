import fc from 'fast-check'
import type { SignatureData, TaskData } from '../../src/canvas/data.ts'
import type { Script } from './tasks.ts'

/*
 * Random canvases: shapes first, then a script for each node. Every task is `step`, whose last argument is its script, so
 * that a node is known by its key wherever it stands.
 */

/** A random canvas, and which of its nodes are cancelled before anything runs. */
export interface RandomCanvas {
  readonly data: SignatureData
  /** Keys, the last node first: what is below must still be there when it is cancelled. */
  readonly cancelled: readonly string[]
  readonly nodes: number
}

/** A shape without its scripts; numbers are drawn for a node, one after the other. */
type Shape =
  | { readonly kind: 'step'; readonly draw: Draw; readonly extras: Extras }
  | { readonly kind: 'chain'; readonly steps: readonly Shape[]; readonly extras: Extras }
  | {
      readonly kind: 'group'
      readonly members: readonly Shape[]
      readonly named: boolean
      readonly lenient: boolean
      readonly extras: Extras
    }
  | {
      readonly kind: 'chord'
      readonly header: readonly Shape[]
      readonly body: Shape
      readonly lenient: boolean
      readonly extras: Extras
    }

/** What a node does. */
interface Draw {
  readonly does: 'value' | 'fail' | 'retry' | 'cancelled'
  readonly immutable: boolean
}

/** What hangs on a canvas. */
interface Extras {
  readonly links: readonly Shape[]
  /** Numbers of error handlers. */
  readonly errbacks: readonly number[]
  readonly optional: boolean
}

/** Random canvases of at most so many nodes. */
export function randomCanvas(most: number): fc.Arbitrary<RandomCanvas> {
  // At the top several in a row or side by side: a single task is drawn too often otherwise.
  const many = fc.array(shapes(), { minLength: 2, maxLength: 8, size: 'max' })
  const quiet: Extras = { links: [], errbacks: [], optional: false }
  const top: fc.Arbitrary<Shape> = fc.oneof(
    many.map((steps): Shape => ({ kind: 'chain', steps, extras: quiet })),
    many.map((members): Shape => ({ kind: 'group', members, named: false, lenient: false, extras: quiet })),
    fc
      .tuple(many, shapes())
      .map(([header, body]): Shape => ({ kind: 'chord', header, body, lenient: false, extras: quiet })),
  )
  return top.map((shape) => new Dresser(most).dress(shape))
}

function shapes(): fc.Arbitrary<Shape> {
  const rare = (weight: number): fc.Arbitrary<boolean> =>
    fc.integer({ min: 1, max: 100 }).map((drawn) => drawn <= weight)
  const draw: fc.Arbitrary<Draw> = fc.record({
    does: fc.oneof(
      { weight: 90, arbitrary: fc.constant('value' as const) },
      { weight: 4, arbitrary: fc.constant('fail' as const) },
      { weight: 4, arbitrary: fc.constant('retry' as const) },
      { weight: 2, arbitrary: fc.constant('cancelled' as const) },
    ),
    immutable: rare(8),
  })
  return fc.letrec<{ shape: Shape; extras: Extras }>((tie) => ({
    extras: fc.record({
      links: fc.oneof(
        { weight: 12, arbitrary: fc.constant([]) },
        { weight: 1, arbitrary: fc.array(tie('shape'), { minLength: 1, maxLength: 2 }) },
      ),
      errbacks: fc.oneof(
        { weight: 3, arbitrary: fc.constant([]) },
        {
          weight: 1,
          arbitrary: fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 2 }),
        },
      ),
      optional: rare(5),
    }),
    shape: fc.oneof(
      { maxDepth: 5, depthIdentifier: 'canvas', depthSize: 'max' },
      {
        weight: 5,
        arbitrary: fc.record({ kind: fc.constant('step' as const), draw, extras: tie('extras') }),
      },
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant('chain' as const),
          steps: fc.array(tie('shape'), {
            minLength: 1,
            maxLength: 5,
            depthIdentifier: 'canvas',
            size: 'max',
          }),
          extras: tie('extras'),
        }),
      },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant('group' as const),
          members: fc.array(tie('shape'), { maxLength: 5, depthIdentifier: 'canvas', size: 'max' }),
          named: rare(25),
          lenient: rare(20),
          extras: tie('extras'),
        }),
      },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant('chord' as const),
          header: fc.array(tie('shape'), { maxLength: 5, depthIdentifier: 'canvas', size: 'max' }),
          body: tie('shape'),
          lenient: rare(20),
          extras: tie('extras'),
        }),
      },
    ),
  })).shape
}

/** Gives every node its key and its script; what is beyond the bound becomes one step. */
class Dresser {
  readonly #most: number
  readonly #cancelled: string[] = []
  #nodes = 0

  constructor(most: number) {
    this.#most = most
  }

  dress(shape: Shape): RandomCanvas {
    const data = this.#piece(shape)
    return { data, cancelled: this.#cancelled.toReversed(), nodes: this.#nodes }
  }

  #piece(shape: Shape): SignatureData {
    const bare = this.#nodes >= this.#most ? this.#step(QUIET) : this.#bare(shape)
    const { errbacks, optional } = shape.extras
    const links = this.#pieces(shape.extras.links, 0)
    return {
      ...bare,
      ...(links.length > 0 && { links }),
      ...(errbacks.length > 0 && { errbacks: errbacks.map(errback) }),
      ...(optional && { optional: { value: 'a default' } }),
    }
  }

  /** As many as there is room for, and at least so many. */
  #pieces(shapes: readonly Shape[], least: number): SignatureData[] {
    const pieces: SignatureData[] = []
    for (const shape of shapes) {
      if (this.#nodes < this.#most || pieces.length < least) pieces.push(this.#piece(shape))
    }
    return pieces
  }

  #bare(shape: Shape): SignatureData {
    switch (shape.kind) {
      case 'step':
        return this.#step(shape.draw)
      case 'chain':
        return { kind: 'chain', steps: this.#pieces(shape.steps, 1) }
      case 'group': {
        const members = this.#pieces(shape.members, 0)
        const named = shape.named
          ? Object.fromEntries(members.map((member, at) => [`m${at}`, member]))
          : members
        return { kind: 'group', members: named, ...(shape.lenient && { allowFailures: true }) }
      }
      case 'chord': {
        const members = this.#pieces(shape.header, 0)
        const header = {
          kind: 'group' as const,
          members,
          ...(shape.lenient && { allowFailures: true as const }),
        }
        return { kind: 'chord', header, body: this.#piece(shape.body) }
      }
    }
  }

  #step({ does, immutable }: Draw): TaskData {
    this.#nodes += 1
    const key = `k${this.#nodes}`
    if (does === 'cancelled') this.#cancelled.push(key)
    const script: Script = {
      key,
      ...(does === 'fail' && { fails: true }),
      ...(does === 'retry' && { attempts: 3 }),
    }
    return { kind: 'task', task: 'step', args: [script], ...(immutable && { immutable: true }) }
  }
}

const QUIET: Draw = { does: 'value', immutable: false }

function errback(number: number): TaskData {
  return { kind: 'task', task: 'errLog', args: [`e${number}`] }
}
