import { CeleriacError } from '../base/errors.ts'
import { flag, refuseUnknown } from '../base/options.ts'
import { assertSignature, type Bond, BoundSignature, sharedBond } from './bound-signature.ts'
import type { GroupData, SignatureData } from './data.ts'
import { memberNameProblem } from './members.ts'
import { endsInGroup } from './opened.ts'
import type { AnySignature } from './signature.ts'
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
  IsHeader,
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
  const [first] = given
  const isOneList = !(first instanceof BoundSignature) && isIterable(first)
  if (isOneList && given.length > 1) throw notAlone('steps')
  const steps = membersOf(isOneList ? first : given, 'step')
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
  const isOneByOne = given.length === 0 || first instanceof BoundSignature
  if (!isOneByOne && given.length > 2) throw notAlone('members')
  const { data, bond } = isOneByOne ? groupOf(given, {}) : groupOf(first, options)
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
  const Header extends GivenMembers | AnySignature,
  Body extends AnySignature,
  const Options extends GroupOptions = NoOptions,
>(
  header: Header & SameInput<Header> & IsHeader<Header>,
  body: Body & Fits<HeaderResults<Header, FailureOf<Options>>, Body, 'body'>,
  options?: Options,
): EndingAs<InputOf<Header>, Body>
export function chord(header: unknown, body: unknown, options?: unknown): unknown {
  const last = assertSignature(body, 'the body of the chord')
  if (!(header instanceof BoundSignature)) return chordOf(groupOf(header, options), last)
  const { data, bond } = header
  if (data.kind !== 'group') return following(header, last, options)
  return chordOf({ data: Object.freeze({ ...data, ...groupOptions(options) }), bond }, last)
}

/** What a header is made of. */
interface Header {
  readonly data: GroupData
  readonly bond: Bond
}

function chordOf({ data, bond }: Header, body: BoundSignature): BoundSignature {
  const { binding } = sharedBond([new BoundSignature(data, bond), body])
  return new BoundSignature({ kind: 'chord', header: data, body: body.data }, { binding })
}

/** What ends in a group may stand for it: the body follows. */
function following(header: BoundSignature, body: BoundSignature, options: unknown): BoundSignature {
  const { allowFailures } = groupOptions(options)
  if (endsInGroup(header.data) && allowFailures === undefined) return header.pipe(body)
  const problem = `must be a group, or its members; it is a ${header.data.kind}: chain(…) lets the body follow it`
  throw new CeleriacError('CANVAS_INVALID', { path: 'the header of the chord', problem })
}

function groupOf(given: unknown, options: unknown): Header {
  const flags = groupOptions(options)
  if (isIterable(given) || typeof given !== 'object' || given === null) {
    const members = membersOf(isIterable(given) ? given : [given], 'member')
    const data: readonly SignatureData[] = Object.freeze(members.map((member) => member.data))
    return { data: Object.freeze({ kind: 'group', members: data, ...flags }), bond: sharedBond(members) }
  }
  const named = Object.entries(given).map(([name, member]): [string, BoundSignature] => {
    const problem = memberNameProblem(name)
    if (problem !== null) throw new CeleriacError('CANVAS_INVALID', { path: 'the group', problem })
    return [name, assertSignature(member, `member ${name}`)]
  })
  const members = Object.freeze(Object.fromEntries(named.map(([name, { data }]) => [name, data])))
  return {
    data: Object.freeze({ kind: 'group', members, ...flags }),
    bond: sharedBond(named.map(([, member]) => member)),
  }
}

/** Reads options of a group. @throws {CeleriacError} `OPTION_…` */
export function groupOptions(options: unknown): { readonly allowFailures?: true } {
  if (options === undefined) return {}
  refuseUnknown(Object(options), ['allowFailures'], 'group')
  const { allowFailures = false } = options as GroupOptions
  return flag(allowFailures, 'allowFailures') ? { allowFailures: true } : {}
}

/** Reads an iterable of signatures, once. */
function membersOf(given: Iterable<unknown>, what: 'step' | 'member'): readonly BoundSignature[] {
  return Array.from(given, (one, index) => assertSignature(one, `${what} ${index + 1}`))
}

function notAlone(what: string): CeleriacError<'CANVAS_INVALID'> {
  const problem = `must come one by one or in one list; got a list and more`
  return new CeleriacError('CANVAS_INVALID', { path: `its ${what}`, problem })
}

/** Whether it can be read with `for … of`; a text is no list. */
export function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value
}
