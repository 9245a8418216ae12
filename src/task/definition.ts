/*
 * task: what a task is. A name, a handler and options; it exists once per app. Nothing here talks to the database:
 * job/ turns a call of a task into a row, worker/ runs it.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { BackoffPolicy } from '../base/backoff.ts'
import type { JobContext } from './current-job.ts'
import type { ResolvedTaskOptions } from './options.ts'

/** A handler as it is called: with its context first when it was bound. */
export type Handler = (...args: never[]) => unknown

/** A registered task. */
export interface TaskDefinition {
  readonly name: string
  /** Absent when the task was only declared: this process can enqueue it, not run it. */
  readonly run: ((job: JobContext, args: readonly unknown[]) => unknown) | null
  readonly schema: StandardSchemaV1 | null
  readonly options: ResolvedTaskOptions
  /** Names of the options that it was defined with: what is left out may be decided elsewhere. */
  readonly given: ReadonlySet<string>
  /** Where it was defined, for the message when it is defined twice. */
  readonly place: string
}

/** Settings of one attempt after the row had its say. */
export interface AttemptSettings {
  readonly timeLimitMs: number | null
  readonly softTimeLimitMs: number | null
  readonly backoff: BackoffPolicy
  readonly ignoreResult: boolean
}
