import type { JobHandle } from '../job/handle.ts'
import type { CallOptions } from '../task/options.ts'
import { readSignature } from './bound-signature.ts'
import type { SignatureData } from './data.ts'
import type { GroupHandle } from './group-handle.ts'
import type { SignatureJson } from './json.ts'
import type { EndingAs, Fits, Handles, SignatureTypes } from './types.ts'

/** Under this name a signature carries its types; it exists for the compiler alone. */
export declare const TYPES: unique symbol

/** Any signature, whatever it takes and gives. */
export interface AnySignature {
  readonly [TYPES]: SignatureTypes<never, unknown, unknown, unknown>
  /** What it is made of; never changes. */
  readonly data: SignatureData
  /** Plain JSON, which `Signature.from` reads. @throws {CeleriacError} `JSON_…`, and `CANVAS_INVALID` when it has a `tx` */
  toJSON(): SignatureJson
  /** Readable form: `add(2, 2) | sum([…])`, at most 1 KB. */
  toString(): string
}

/** What every signature can do, whether it ends in a job or in a group; `Same` is what changes nothing of its types. */
export interface Composable<Open, Result, Same> extends AnySignature {
  /** The chain of this and `next`, which takes its value. */
  pipe<Next extends AnySignature>(next: Next & Fits<Result, Next>): EndingAs<Open, Next>
  /** The same with a callback: it runs with the value once this has succeeded. */
  link<Next extends AnySignature>(next: Next & Fits<Result, Next, 'callback'>): Same
  /** The same with an error handler, a signature of one task: it is called with a {@link FailureReport}. */
  linkError<Handler extends AnySignature>(handler: Handler & Handles<Handler>): Same
  /** As `linkError`. */
  onError<Handler extends AnySignature>(handler: Handler & Handles<Handler>): Same
  /** The same with options; later ones win. @throws {CeleriacError} `OPTION_…` */
  with(options: CallOptions): Same
}

/**
 * Says that something is to be done, without doing it: a value that never changes, can be used any number of times, and
 * travels as JSON. `Open` are the leading parameters that nobody has filled yet, `Result` is what it gives.
 *
 * Every method returns a new signature. It is never thenable.
 */
export interface Signature<Open extends readonly unknown[] = [], Result = unknown>
  extends Composable<Open, Result, Signature<Open, Result>> {
  readonly [TYPES]: SignatureTypes<Open, Result, 'job', false>
  /**
   * Enqueues it, all of its jobs or none, and returns a handle to the last.
   *
   * @param open - go in front of the args that are stored
   * @throws {CeleriacError} as `task.enqueue`; `CANVAS_…`
   */
  enqueue(...open: Open): Promise<JobHandle<Result>>
  /**
   * The same, but when it fails `value` stands for its value: for what follows, for a group it is a member of, and for a
   * handle to it. The failure itself stays on record, in the jobs that failed.
   */
  optional<Value>(value: Value): Signature<Open, Result | Value>
  /** A copy; with the open parameters it is complete. */
  clone(): Signature<Open, Result>
  clone(...open: Open): Signature<[], Result>
}

/** A signature that ends in a group: a handle to it gives the results of all members. */
export interface GroupSignature<Open extends readonly unknown[] = [], Results = unknown>
  extends Composable<Open, Results, GroupSignature<Open, Results>> {
  readonly [TYPES]: SignatureTypes<Open, Results, 'group', boolean>
  /**
   * Enqueues it, all of its jobs or none, and returns a handle to the group that it ends in.
   *
   * @param open - go in front of the args that are stored
   * @throws {CeleriacError} as `task.enqueue`; `CANVAS_…`
   */
  enqueue(...open: Open): Promise<GroupHandle<Results>>
  /**
   * The same, but when it fails `value` stands for its value: for what follows, for a group it is a member of, and for a
   * handle to it. The failure itself stays on record, in the jobs that failed.
   */
  optional<Value>(value: Value): Signature<Open, Results | Value>
  /** A copy; with the open parameters it is complete. */
  clone(): GroupSignature<Open, Results>
  clone(...open: Open): GroupSignature<[], Results>
}

/**
 * A list of signatures as `group` makes it. In another group it is no member of its own: its members are. With a
 * callback, an error handler or options of its own it is.
 */
export interface Group<Open extends readonly unknown[] = [], Results = unknown>
  extends GroupSignature<Open, Results> {
  readonly [TYPES]: SignatureTypes<Open, Results, 'group', true>
}

/** What `Signature` is as a value. */
export interface SignatureReader {
  /**
   * Reads a signature from what `JSON.stringify` made of one, as text or parsed, or from JSON written by hand. What it
   * takes and gives only you know: `Signature.from<Signature<[path: string], number>>(json)`.
   *
   * Without an app it can be composed, and enqueued by `app.enqueue(signature)`.
   * @throws {CeleriacError} `CANVAS_INVALID` naming what is wrong and where
   */
  from(json: unknown, app?: object): Signature<unknown[], unknown>
  from<Read extends AnySignature>(json: unknown, app?: object): Read
}

/** Reads signatures. */
export const Signature: SignatureReader = { from: readSignature }
