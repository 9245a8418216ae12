/*
 * canvas: tasks that depend on each other. A signature is a value that says what is to be done (data, build); a plan
 * turns it into rows; the rows then settle each other. Nothing here runs anything, and no value here ever changes.
 */
import type { CallOptions } from '../task/options.ts'

/** Options of a signature: those of a call, save for `tx`, which no JSON can hold. */
export type SignatureOptions = Omit<CallOptions, 'tx'>

/** What a signature is made of. In JSON it has the same form, with args and values as the codec writes them. */
export type SignatureData = TaskData | MapData | ChainData | GroupData | ChordData

/** What every kind of signature may carry. */
export interface CommonData {
  readonly options?: SignatureOptions
  /** What is to run with its value once it has succeeded. */
  readonly links?: readonly SignatureData[]
  /** What is to be called when it has failed. */
  readonly errbacks?: readonly TaskData[]
  /** What stands for its value when it has failed. */
  readonly optional?: { readonly value: unknown }
}

/** A call of a task. Its leading parameters may be open: what comes before goes in front of `args`. */
export interface TaskData extends CommonData {
  readonly kind: 'task'
  readonly task: string
  readonly args: readonly unknown[]
  /** It ignores what comes before. */
  readonly immutable?: true
}

/** One job that calls its task with each item in turn; it ignores what comes before. */
export interface MapData extends CommonData {
  readonly kind: 'map'
  readonly task: string
  readonly items: readonly unknown[]
  /** Each item is a list of args; otherwise it is the one argument. */
  readonly spread: boolean
  /** An item that fails gives its error in place of a value. */
  readonly allowFailures?: true
}

/** Steps, each of which takes the value of the one before. */
export interface ChainData extends CommonData {
  readonly kind: 'chain'
  readonly steps: readonly SignatureData[]
}

/** Members of a group in their order, or by name. */
export type GroupMembers = readonly SignatureData[] | Readonly<Record<string, SignatureData>>

/** Members that run side by side; its value is the list, or the object, of theirs. */
export interface GroupData extends CommonData {
  readonly kind: 'group'
  readonly members: GroupMembers
  /** A member that fails gives its error in place of a value. */
  readonly allowFailures?: true
}

/** A group, and what takes its value. */
export interface ChordData extends CommonData {
  readonly kind: 'chord'
  readonly header: GroupData
  readonly body: SignatureData
}
