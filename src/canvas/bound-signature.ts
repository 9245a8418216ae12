import { isDeepStrictEqual } from 'node:util'
import { CeleriacError } from '../base/errors.ts'
import { OWN_JSON } from '../base/json-encode.ts'
import { preview } from '../base/text.ts'
import type { TransactionInput } from '../db/transaction.ts'
import type { JobHandle } from '../job/handle.ts'
import { mergeOptions } from '../job/task.ts'
import type { CallOptions } from '../task/options.ts'
import { bindingOf, type CanvasBinding, onlyBinding } from './binding.ts'
import type { CommonData, SignatureData, TaskData } from './data.ts'
import { describe } from './describe.ts'
import { dataFromJson } from './from-json.ts'
import type { GroupHandle } from './group-handle.ts'
import { dataToJson, type SignatureJson } from './json.ts'
import { isTaskless, opened } from './opened.ts'
import { checkedOptions } from './options.ts'
import { isBare } from './plan-parts.ts'
import type { AnySignature } from './signature.ts'
import { snapshot } from './snapshot.ts'
import { startCanvas } from './start.ts'

/** The app that a signature's tasks belong to, where it is known, and the transaction it is to be enqueued in. */
export interface Bond {
  readonly binding: CanvasBinding | undefined
  readonly tx?: TransactionInput | undefined
}

/**
 * What is behind every signature when the code runs; the types that users see are put on by whoever makes one.
 */
export class BoundSignature {
  readonly data: SignatureData
  readonly #bond: Bond

  constructor(data: SignatureData, bond: Bond) {
    this.data = Object.freeze(data)
    this.#bond = bond
    Object.freeze(this)
  }

  get [OWN_JSON](): true {
    return true
  }

  get bond(): Bond {
    return this.#bond
  }

  /** The same, to be enqueued by an app. */
  boundTo(binding: CanvasBinding): BoundSignature {
    return new BoundSignature(this.data, { ...this.#bond, binding })
  }

  async enqueue(...open: unknown[]): Promise<JobHandle | GroupHandle> {
    const { binding = onlyBindingOf(this.data), tx } = this.#bond
    if (binding === undefined) throw new CeleriacError('CANVAS_UNBOUND', { signature: this.toString() })
    return startCanvas(this.data, open, binding, tx === undefined ? {} : { tx })
  }

  pipe(next: unknown): BoundSignature {
    const step = assertSignature(next, 'the next step')
    const { data } = this
    const { binding } = sharedBond([this, step])
    const steps = data.kind === 'chain' && isBare(data) ? [...data.steps, step.data] : [data, step.data]
    return new BoundSignature({ kind: 'chain', steps: Object.freeze(steps) }, { binding })
  }

  link(next: unknown): BoundSignature {
    const callback = assertSignature(next, 'the callback')
    return this.#with({ links: withOne(this.data.links, callback.data) }, callback)
  }

  linkError(handler: unknown): BoundSignature {
    const errback = assertSignature(handler, 'the error handler')
    return this.#with({ errbacks: withOne(this.data.errbacks, taskOnly(errback.data)) }, errback)
  }

  onError(handler: unknown): BoundSignature {
    return this.linkError(handler)
  }

  with(options: CallOptions): BoundSignature {
    const { data } = this
    const { binding, tx: before } = this.#bond
    const own = 'task' in data ? binding?.registry.get(data.task)?.options : undefined
    const { tx = before, ...rest } = mergeOptions(data.options ?? {}, options)
    // Even without any: what has options of its own does not dissolve in what holds it.
    return new BoundSignature({ ...data, options: checkedOptions(rest, own) }, { binding, tx })
  }

  optional(value: unknown): BoundSignature {
    const [kept] = snapshot([value])
    return this.#with({ optional: Object.freeze({ value: kept }) })
  }

  clone(...open: unknown[]): BoundSignature {
    return new BoundSignature(opened(this.data, snapshot(open)), this.#bond)
  }

  toJSON(): SignatureJson {
    const { binding, tx } = this.#bond
    if (tx !== undefined) {
      throw new CeleriacError('CANVAS_INVALID', {
        path: 'its JSON',
        problem: 'cannot hold the transaction that was given as tx; give it when the signature is enqueued',
      })
    }
    return dataToJson(this.data, binding?.context.codec)
  }

  toString(): string {
    return describe(this.data)
  }

  #with(more: CommonData, other?: BoundSignature): BoundSignature {
    const { binding, tx } = this.#bond
    const shared = other === undefined ? binding : sharedBond([this.#withoutTx(), other]).binding
    return new BoundSignature({ ...this.data, ...more }, { binding: shared, tx })
  }

  #withoutTx(): BoundSignature {
    return new BoundSignature(this.data, { binding: this.#bond.binding })
  }
}

/** Puts the types on: what the compiler is told of a signature is said by whoever composes it. */
function typed<S extends AnySignature>(data: SignatureData, bond: Bond): S {
  return new BoundSignature(data, bond) as unknown as S
}

/** Reads a signature from JSON or its text. */
export function readSignature<S extends AnySignature>(json: unknown, app?: object): S {
  const binding = app === undefined ? undefined : assertApp(app)
  return typed(dataFromJson(parsed(json), binding?.context.codec), { binding })
}

/** @throws {CeleriacError} `CANVAS_INVALID` for anything that is no signature, with what was meant. */
export function assertSignature(value: unknown, place: string): BoundSignature {
  if (value instanceof BoundSignature) return value
  const isTask = typeof value === 'function' && 's' in value
  const hint = isTask ? `; use ${value.name}.s(…)` : ', such as task.s(…)'
  throw new CeleriacError('CANVAS_INVALID', {
    path: place,
    problem: `must be a signature${isTask ? '' : hint}; got ${preview(value)}${isTask ? hint : ''}`,
  })
}

/**
 * What several signatures have in common when they become parts of one.
 *
 * @throws {CeleriacError} `CANVAS_INVALID` when they are of different apps, or one has a transaction of its own.
 */
export function sharedBond(parts: readonly BoundSignature[]): Bond {
  let binding: CanvasBinding | undefined
  for (const part of parts) {
    const { binding: other, tx } = part.bond
    if (tx !== undefined) {
      throw new CeleriacError('CANVAS_INVALID', {
        path: part.toString(),
        problem: 'has a tx of its own, but all is written in one transaction; give it to the whole canvas',
      })
    }
    if (binding !== undefined && other !== undefined && other !== binding) {
      throw new CeleriacError('CANVAS_INVALID', {
        path: part.toString(),
        problem: 'belongs to another app than what comes before it; a canvas lives in one database',
      })
    }
    binding ??= other
  }
  return { binding }
}

/** A group of a list that happens to be empty has no task to tell its app by: where there is one app only, it is that. */
function onlyBindingOf(data: SignatureData): CanvasBinding | undefined {
  return isTaskless(data) ? onlyBinding() : undefined
}

function assertApp(app: object): CanvasBinding {
  const binding = bindingOf(app)
  if (binding !== undefined) return binding
  throw new CeleriacError('OPTION_INVALID', {
    option: 'app',
    problem: `must be a Celeriac; got ${preview(app)}`,
  })
}

function parsed(json: unknown): unknown {
  if (typeof json !== 'string') return json
  try {
    return JSON.parse(json)
  } catch (cause) {
    throw new CeleriacError(
      'CANVAS_INVALID',
      { path: '$', problem: `is no JSON: ${preview(json)}` },
      { cause },
    )
  }
}

function taskOnly(data: SignatureData): TaskData {
  if (data.kind === 'task') return data
  throw new CeleriacError('CANVAS_INVALID', {
    path: 'the error handler',
    problem: `must be the signature of one task, which may enqueue more; it is a ${data.kind}`,
  })
}

/** The same one twice is the same one. */
function withOne<Data extends SignatureData>(list: readonly Data[] = [], one: Data): readonly Data[] {
  return list.some((other) => isDeepStrictEqual(other, one)) ? list : Object.freeze([...list, one])
}
