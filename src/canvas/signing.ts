import type { Signature } from './signature.ts'

/*
 * The type of `task.s`. Args that are given are the last ones of a call; the parameters before them stay open, and what
 * comes before fills them. One overload for each way to give them. Where an optional parameter lets an arg fit two
 * places, the signature is open and closed at once: `pad.s(5)` of `(text: string, width?: number)` is not (5 is no
 * text), `fetch.s('a')` of `(url: string, base?: string)` is: it may begin a canvas, and it may follow a url.
 */

/** `task.s` for the args of a task. */
export type Signing<Args extends readonly unknown[], Result> = number extends Args['length']
  ? WithRest<Required<Args>, Args, Result>
  : IsUnion<Args['length']> extends true
    ? (() => Signature<Args, Result>) &
        Ambiguous<Args, Required<Args>, Result> &
        EachArity<Args, Required<Args>, Result>
    : FromAll<Args, Args, Result>

/** All parameters are required: any number of them stays open. */
type FromAll<Args extends readonly unknown[], Open extends readonly unknown[], Result> = ((
  ...given: After<Args, Open>
) => Signature<Open, Result>) &
  FromFewer<Args, Open, Result>

type FromFewer<
  Args extends readonly unknown[],
  Open extends readonly unknown[],
  Result,
> = Open extends readonly [...infer Fewer, unknown] ? FromAll<Args, Fewer, Result> : unknown

/** The parameters behind the open ones, with their names. */
type After<Args extends readonly unknown[], Open extends readonly unknown[]> = Args extends readonly [
  ...Open,
  ...infer Given,
]
  ? Given
  : never

// Optional parameters: a call may have as many args as one of several arities.

type EachArity<
  Args extends readonly unknown[],
  Most extends readonly unknown[],
  Result,
> = (Most extends readonly [...infer Fewer, unknown]
  ? Fewer['length'] extends Args['length']
    ? EachArity<Args, Fewer, Result>
    : unknown
  : unknown) &
  FromFewer<Most, Most, Result>

/** What may be all of the args, or those behind the first. */
type Ambiguous<
  Args extends readonly unknown[],
  Most extends readonly unknown[],
  Result,
> = Most extends readonly [...infer Fewer, unknown]
  ? Fewer['length'] extends Args['length']
    ? Ambiguous<Args, Fewer, Result> & Either<Merged<Fewer, Tail<Most>>, [] | Head<Most>, Result>
    : unknown
  : unknown

type Either<Given extends readonly unknown[], Open extends readonly unknown[], Result> =
  HasNever<Given> extends true ? unknown : (...given: Given) => Signature<Open, Result>

type Merged<One extends readonly unknown[], Other extends readonly unknown[]> = {
  [Index in keyof One]: Index extends keyof Other ? One[Index] & Other[Index] : One[Index]
}

type HasNever<List extends readonly unknown[]> = true extends {
  [Index in keyof List]: [List[Index]] extends [never] ? true : false
}[number]
  ? true
  : List extends readonly []
    ? true
    : false

type Tail<List extends readonly unknown[]> = List extends readonly [unknown, ...infer Rest] ? Rest : []
type Head<List extends readonly unknown[]> = List extends readonly [...infer First, ...Tail<List>]
  ? First
  : never

// A rest parameter: any number of args may follow the fixed ones.

type WithRest<Args extends readonly unknown[], Open extends readonly unknown[], Result> = Behind<
  Fixed<Args>,
  RestOf<Args>,
  Open,
  Result
>

type Fixed<Args extends readonly unknown[], Done extends readonly unknown[] = []> = Args extends readonly [
  infer First,
  ...infer Rest,
]
  ? Fixed<Rest, [...Done, First]>
  : Done

type RestOf<Args extends readonly unknown[]> = Args extends readonly [unknown, ...infer Rest]
  ? RestOf<Rest>
  : Args

type Behind<
  First extends readonly unknown[],
  Rest extends readonly unknown[],
  Open extends readonly unknown[],
  Result,
> = Either<
  First extends readonly [] ? [never] : [...Merged<First, [...Tail<First>, Rest[number]]>, ...Rest],
  [] | Open,
  Result
> &
  ThenRest<First, First, Rest, Result> &
  ((...given: Rest) => Signature<Open, Result>)

type ThenRest<
  First extends readonly unknown[],
  Open extends readonly unknown[],
  Rest extends readonly unknown[],
  Result,
> = Open extends readonly [...infer Fewer, unknown]
  ? ((...given: [...After<First, Fewer>, ...Rest]) => Signature<Fewer, Result>) &
      ThenRest<First, Fewer, Rest, Result>
  : unknown

type IsUnion<Value, Whole = Value> = Value extends unknown ? ([Whole] extends [Value] ? false : true) : never
