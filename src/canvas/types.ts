import type { JobHandle } from '../job/handle.ts'
import type { FailureReport } from './failure-report.ts'
import type { GroupHandle } from './group-handle.ts'
import type { AnySignature, Group, GroupSignature, Signature, TYPES } from './signature.ts'

/*
 * What the compiler knows of a canvas. Every signature carries three types: its open parameters, its value, and whether
 * it ends in a job or in a group. A link that does not fit asks for a type whose name is a sentence, so that the error
 * says what is wrong. Open parameters may be a union of tuples: then a value that was given fits more than one place.
 */

/** The types that a signature carries; nothing of them is there when the code runs. */
export interface SignatureTypes<Open, Result, End, Flat> {
  readonly open: (open: Open) => void
  readonly result: Result
  readonly end: End
  /** Whether it dissolves in a group that it is a member of. */
  readonly flat: Flat
}

interface Carries<Types> {
  readonly [TYPES]: Types
}

/** The open leading parameters; of several signatures, what all of them accept. */
export type OpenOf<S> = [S] extends [Carries<{ readonly open: (open: infer Open) => void }>] ? Open : never

/** What it gives. */
export type ResultOf<S> = S extends Carries<{ readonly result: infer Result }> ? Result : never

/** Whether it ends in a job or in a group. */
export type EndOf<S> = S extends Carries<{ readonly end: infer End }> ? End : never

/** Open parameters of what ignores its input: whatever is given. */
export type Ignored = readonly unknown[]

/** What enqueuing it gives. */
export type HandleOf<S> = HandleBy<EndOf<S>, ResultOf<S>>

type HandleBy<End, Result> = unknown extends End
  ? JobHandle<Result> | GroupHandle<Result>
  : End extends 'group'
    ? GroupHandle<Result>
    : JobHandle<Result>

/** A canvas that begins with `Open` parameters and ends as `Last` does. */
export type EndingAs<Open, Last> = Canvas<Open, ResultOf<Last>, EndOf<Last>>

type Canvas<Open, Result, End> = Open extends readonly unknown[]
  ? End extends 'group'
    ? GroupSignature<Open, Result>
    : Signature<Open, Result>
  : never

/**
 * Why a canvas does not compile: its first type says it.
 */
export interface DoesNotFit<Sentence extends string, Given, Accepted> {
  readonly celeriac: Sentence
  readonly given: Given
  readonly accepted: Accepted
}

/** Roles of a signature that takes a value, and where that comes from. */
interface Sources {
  readonly step: 'the step before returns'
  readonly callback: 'the signature that it is linked to returns'
  readonly body: 'the header returns'
  readonly 'error handler': 'it is called with: a FailureReport'
}

/** `unknown` when what takes a value accepts it; otherwise a type that nothing has, named by the reason. */
export type Fits<Value, Next, Role extends keyof Sources = 'step'> =
  [Value] extends OpenOf<Next> ? unknown : Misfit<Value, OpenOf<Next>, Role>

type Misfit<Value, Open, Role extends keyof Sources> = [Open] extends [readonly []]
  ? DoesNotFit<
      `this ${Role} takes no input, since all its parameters are given; .si(…) ignores the input`,
      Value,
      Open
    >
  : [Open] extends [readonly [unknown, unknown, ...unknown[]]]
    ? DoesNotFit<`this ${Role} has more than one open parameter, and gets only the first`, Value, Open>
    : DoesNotFit<`this ${Role} does not accept what ${Sources[Role]}`, Value, FirstOf<Open>>

type FirstOf<Open> = Open extends readonly [(infer First)?, ...unknown[]] ? First : Open

/** `unknown` when it can handle an error. */
export type Handles<Handler> = Fits<FailureReport, Handler, 'error handler'>

// Chains

/** What stands before the first step. */
interface Start {
  readonly start: true
}

/** What each step has to be: for one that does not fit, the reason. */
export type Linked<Steps extends readonly unknown[]> = {
  [K in keyof Steps]: K extends keyof Before<Steps> ? Link<Before<Steps>[K], Steps[K]> : unknown
}

type Before<Steps extends readonly unknown[]> = readonly [Start, ...Steps]

type Link<Previous, Next> = [Previous] extends [Start]
  ? unknown
  : Fits<ResultOf<Exclude<Previous, Start>>, Next>

/** What `chain` was given: its steps one by one, or all of them in one list. */
export type GivenSteps = readonly [AnySignature | Iterable<AnySignature>, ...AnySignature[]]

/** The steps themselves. */
export type StepsOf<Given extends readonly unknown[]> = Given extends readonly [Iterable<unknown>]
  ? ListOf<Given[0]>
  : Given

/** What each thing that `chain` was given has to be. */
export type LinkedSteps<Given extends readonly unknown[]> = Given extends readonly [
  infer Only extends Iterable<unknown>,
]
  ? readonly [
      Only extends readonly unknown[] ? Linked<Only> : Link<ListOf<Only>[number], ListOf<Only>[number]>,
    ]
  : Linked<Given>

/** The canvas that a chain is. */
export type ChainOf<Steps extends readonly unknown[]> = EndingAs<OpenOf<FirstStep<Steps>>, LastStep<Steps>>

type FirstStep<Steps extends readonly unknown[]> = Steps extends readonly [infer First, ...unknown[]]
  ? First
  : Steps[number]

type LastStep<Steps extends readonly unknown[]> = Steps extends readonly [...unknown[], infer Last]
  ? Last
  : Steps[number]

// Groups

/** What a group or a header may be made of. */
export type GivenMembers = Iterable<AnySignature> | Readonly<Record<string, AnySignature>>

type ListOf<Given> = Given extends readonly unknown[]
  ? Given
  : Given extends Iterable<infer Item>
    ? readonly Item[]
    : never

/** What a group gives: a tuple, a list or an object of what its members give. */
export type ResultsOf<Members, Failure = never> =
  Members extends Iterable<unknown>
    ? ListResults<ListOf<Members>, Failure>
    : { -readonly [Name in keyof Members]: ResultOf<Members[Name]> | Failure }

type ListResults<Members extends readonly unknown[], Failure> = [
  Extract<Members[number], Dissolves>,
] extends [never]
  ? { -readonly [Index in keyof Members]: ResultOf<Members[Index]> | Failure }
  : Flattened<Members, Failure>

type Dissolves = Carries<{ readonly flat: true }>

/** A plain group in a group is no member: its members are. */
type Flattened<
  Members extends readonly unknown[],
  Failure,
  Done extends unknown[] = [],
> = Members extends readonly [infer First, ...infer Rest]
  ? Flattened<Rest, Failure, [...Done, ...Member<First, Failure>]>
  : Members extends readonly []
    ? Done
    : [...Done, ...Member<Members[number], Failure>[number][]]

type Member<One, Failure> = One extends Dissolves
  ? ResultOf<One> extends infer Results extends readonly unknown[]
    ? OrFailure<Results, Failure>
    : [ResultOf<One> | Failure]
  : [ResultOf<One> | Failure]

/** What all members of a group accept in front of their args; `never` when there is no such thing. */
export type InputOf<Members> =
  Common<MemberOf<Members>> extends infer Open extends readonly unknown[] ? Open : never

type MemberOf<Members> = Members extends AnySignature
  ? Members
  : Members extends Iterable<infer One>
    ? One
    : Members[keyof Members]

type Common<One> = [Taking<One>] extends [never]
  ? unknown[]
  : Narrowed<OpenOf<Taking<One>>, EachOpenOf<Taking<One>>>

/** Those that take what comes before. */
type Taking<One> = One extends unknown ? (unknown[] extends OpenOf<One> ? never : One) : never

type EachOpenOf<One> = One extends unknown ? OpenOf<One> : never

/** The members' own open parameters that fit all of them, rather than an intersection that nobody can read. */
type Narrowed<All, Each> = [Each extends All ? Each : never] extends [never]
  ? OneThatFits<All>
  : Each extends All
    ? Each
    : never

type OneThatFits<All> = All extends readonly [unknown] ? ([All[0]] extends [never] ? never : [All[0]]) : never

/** `unknown` when the members of a group can take the same input. */
export type SameInput<Members> = [InputOf<Members>] extends [never]
  ? DoesNotFit<
      'members of this group take different inputs; .si(…) ignores the input',
      EachOpenOf<MemberOf<Members>>,
      never
    >
  : unknown

/** A list of the same length. */
export type Each<List extends readonly unknown[], Item> = { [Index in keyof List]: Item }

/** What is there when no options are given. */
export type NoOptions = Readonly<Record<never, never>>

/** What may stand for the value of a member that failed. */
export type FailureOf<Options> = Options extends { readonly allowFailures: infer Allowed }
  ? [Allowed] extends [false | undefined]
    ? never
    : Error
  : never

/** The group that members and options make. */
export type GroupFrom<Members, Options = NoOptions> = [FailureOf<Options>] extends [never]
  ? Members extends Iterable<unknown>
    ? Group<InputOf<Members>, ResultsOf<Members>>
    : GroupSignature<InputOf<Members>, ResultsOf<Members>>
  : GroupSignature<InputOf<Members>, ResultsOf<Members, FailureOf<Options>>>

/** What a header hands to the body. */
export type HeaderResults<Header, Failure> = Header extends AnySignature
  ? [Failure] extends [never]
    ? ResultOf<Header>
    : OrFailure<ResultOf<Header>, Failure>
  : ResultsOf<Header, Failure>

type OrFailure<Results, Failure> = { [Place in keyof Results]: Results[Place] | Failure }

/** `unknown` for what has members. */
export type IsHeader<Header> = Header extends AnySignature
  ? EndOf<Header> extends 'group'
    ? unknown
    : DoesNotFit<'a header is a group or its members; chain(…) lets one step follow another', Header, never>
  : unknown
