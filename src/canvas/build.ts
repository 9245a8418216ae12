import { CeleriacError } from '../base/errors.ts'
import { flag, refuseUnknown } from '../base/options.ts'
import { assertSignature, type Bond, BoundSignature, sharedBond } from './bound-signature.ts'
import type { GroupData, SignatureData } from './data.ts'
import { memberNameProblem } from './members.ts'
import type { AnySignature, GroupSignature } from './signature.ts'
import type {
  ChainOf,
  Each,
  EndingAs,
  FailureOf,
  Fits,
  GivenMembers,
  GivenSteps,
  GroupFrom,
  HeaderResults,
  InputOf,
  LinkedSteps,
  NoOptions,
  SameInput,
  StepsOf,
} from './types.ts'

/** Options of a group and of a chord's header. */
export interface GroupOptions {
  /** A member that fails gives its error in place of a value, and what follows goes on. @defaultValue false */
  readonly allowFailures?: boolean
}

/**
 * Steps one after the other: each takes the value of the one before as its first argument. Its value is the last
 * step's. Takes steps one by one, or all of them as one list or other iterable.
 *
 * @throws {CeleriacError} `CANVAS_INVALID` for a step that is no signature, or of another app
 * @example await chain(add.s(2, 2), add.s(4), add.s(8)).enqueue() // 16
 */
export function chain<const Given extends GivenSteps>(
  ...given: Given & LinkedSteps<Given>
): ChainOf<StepsOf<Given>>
export function chain(...given: readonly unknown[]): unknown {
  const steps = membersOf(given, 'step')
  const data = { kind: 'chain', steps: Object.freeze(steps.map((step) => step.data)) } as const
  return new BoundSignature(data, sharedBond(steps))
}

/**
 * Members side by side; its value is the list of theirs in this order, or with names the object.
 *
 * Takes members one by one, or all of them as one list, other iterable or object, with options behind.
 * @throws {CeleriacError} `CANVAS_INVALID` for a member that is no signature, or of another app; `OPTION_…`
 * @example await group([add.s(1, 1), add.s(2, 2)]).enqueue() // [2, 4]
 */
export function group<const Members extends readonly AnySignature[]>(
  ...members: Members & Each<Members, SameInput<Members>>
): GroupFrom<Members>
export function group<const Members extends GivenMembers, const Options extends GroupOptions = NoOptions>(
  members: Members & SameInput<Members>,
  options?: Options,
): GroupFrom<Members, Options>
export function group(...given: readonly unknown[]): unknown {
  const [first, options] = given
  const { data, bond } =
    given.length === 0 || first instanceof BoundSignature
      ? groupOf(membersOf(given, 'member'), {})
      : groupFrom(first, given.length, options)
  return new BoundSignature(data, bond)
}

/**
 * A group, and a body that takes its value when all of its members have succeeded. Its value is the body's.
 *
 * @param header - a list or other iterable, an object, or a group
 * @throws {CeleriacError} `CANVAS_INVALID` for what is no signature, or of another app; `OPTION_…`
 * @example await chord([add.s(1, 1), add.s(2, 2)], sum.s()).enqueue() // 6
 */
export function chord<
  const Header extends GivenMembers | GroupSignature<never, unknown>,
  Body extends AnySignature,
  const Options extends GroupOptions = NoOptions,
>(
  header: Header & SameInput<Header>,
  body: Body & Fits<HeaderResults<Header, FailureOf<Options>>, Body, 'body'>,
  options?: Options,
): EndingAs<InputOf<Header>, Body>
export function chord(header: unknown, body: unknown, options?: unknown): unknown {
  const last = assertSignature(body, 'the body of the chord')
  const first = header instanceof BoundSignature ? headerOf(header, options) : groupFrom(header, 1, options)
  const { binding } = sharedBond([new BoundSignature(first.data, first.bond), last])
  return new BoundSignature({ kind: 'chord', header: first.data, body: last.data }, { binding })
}

function headerOf(header: BoundSignature, options: unknown): Made {
  const { data, bond } = header
  if (data.kind !== 'group') {
    const problem = `must be a group, or its members; it is a ${data.kind}: chain() lets the body follow it`
    throw new CeleriacError('CANVAS_INVALID', { path: 'the header of the chord', problem })
  }
  return { data: Object.freeze({ ...data, ...groupOptions(options) }), bond }
}

interface Made {
  readonly data: GroupData
  readonly bond: Bond
}

function groupFrom(given: unknown, count: number, options: unknown): Made {
  if (count > 2) throw notAlone('members')
  if (isIterable(given)) return groupOf(membersOf([given], 'member'), options)
  if (typeof given !== 'object' || given === null) return groupOf(membersOf([given], 'member'), options)
  const named = Object.entries(given).map(([name, member]): [string, BoundSignature] => {
    const problem = memberNameProblem(name)
    if (problem !== null) throw new CeleriacError('CANVAS_INVALID', { path: 'the group', problem })
    return [name, assertSignature(member, `member ${name}`)]
  })
  const members = Object.freeze(Object.fromEntries(named.map(([name, { data }]) => [name, data])))
  return {
    data: Object.freeze({ kind: 'group', members, ...groupOptions(options) }),
    bond: sharedBond(named.map(([, member]) => member)),
  }
}

function groupOf(members: readonly BoundSignature[], options: unknown): Made {
  const data: readonly SignatureData[] = Object.freeze(members.map((member) => member.data))
  return {
    data: Object.freeze({ kind: 'group', members: data, ...groupOptions(options) }),
    bond: sharedBond(members),
  }
}

/** Reads options of a group. @throws {CeleriacError} `OPTION_…` */
export function groupOptions(options: unknown): { readonly allowFailures?: true } {
  if (options === undefined) return {}
  refuseUnknown(Object(options), ['allowFailures'], 'group')
  const { allowFailures = false } = options as GroupOptions
  return flag(allowFailures, 'allowFailures') ? { allowFailures: true } : {}
}

/** Signatures given one by one, or in one iterable, which is read once. */
function membersOf(given: readonly unknown[], what: 'step' | 'member'): readonly BoundSignature[] {
  const [first] = given
  const isOne = !(first instanceof BoundSignature) && isIterable(first)
  if (isOne && given.length > 1) throw notAlone(`${what}s`)
  const all = isOne ? first : given
  return Array.from(all, (one, index) => assertSignature(one, `${what} ${index + 1}`))
}

function notAlone(what: string): CeleriacError<'CANVAS_INVALID'> {
  const problem = `must come one by one or in one list; got a list and more`
  return new CeleriacError('CANVAS_INVALID', { path: `its ${what}`, problem })
}

/** Whether it can be read with `for … of`; a text is no list. */
export function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value
}
