export type { CeleriacOptions } from './app-options.ts'
export { type Backoff, type ExponentialBackoff, exponential } from './base/backoff.ts'
export type { Duration } from './base/duration.ts'
export {
  CeleriacError,
  ChordError,
  type ErrorCode,
  isCeleriacError,
  JobCancelledError,
  JobFailedError,
  PermanentError,
  ResultTimeoutError,
} from './base/errors.ts'
export { type Codec, taggedCodec } from './base/json.ts'
export type { Rate, RateWindow } from './base/rate.ts'
export { chain, chord, type GroupOptions, group } from './canvas/build.ts'
export type { SignatureData, SignatureOptions } from './canvas/data.ts'
export type { FailureReport } from './canvas/failure-report.ts'
export type {
  Completion,
  GroupHandle,
  MemberHandle,
  MemberHandles,
  SettledCompletion,
  SettledMembers,
  SettledOptions,
} from './canvas/group-handle.ts'
export { type AnySignature, type Group, type GroupSignature, Signature } from './canvas/signature.ts'
export type { MapOptions, Task, TaskCall } from './canvas/task.ts'
export type { DoesNotFit, HandleOf, OpenOf, ResultOf } from './canvas/types.ts'
export { Celeriac } from './celeriac.ts'
export type { TransactionClient } from './db/open-transaction.ts'
export type { TransactionInput } from './db/transaction.ts'
export type { EventName, Events } from './event/events.ts'
export type { JobFilter } from './inspect/inspect.ts'
export type { Explanation, Reason } from './job/explanation.ts'
export type { EnqueueOutcome, JobHandle, Settled, WaitOptions } from './job/handle.ts'
export type { JobInfo } from './job/info.ts'
export type { JobState } from './job/state.ts'
export type { Workflow, WorkflowCancelled, WorkflowProgress } from './job/workflow.ts'
export type { WorkflowNode, WorkflowTree } from './job/workflow-tree.ts'
export type { LimitGrant } from './limit/app-limits.ts'
export type { LimitChange, LimitInfo, Limits, LimitTarget, Taken } from './limit/limits.ts'
export { RateLimited, type RateLimitedOptions } from './limit/rate-limited.ts'
export type { JobLockOptions, Lock, Locked, LockOptions, LockRun, LockVerb } from './lock/lock.ts'
export { type MigrateOptions, type MigrateReport, migrate, printSql } from './migrate/migrate.ts'
export type { EditedJob, EditFilter, EditReport, JobEdit } from './queue/edits.ts'
export type { PauseInfo, QueueInfo } from './queue/info.ts'
export type { QueueOptions } from './queue/options.ts'
export type { PauseOptions, PauseTarget } from './queue/pause-target.ts'
export type { Queues } from './queue/queues.ts'
export type { RouteAnswer, RouteFunction, RouteMap, RouteOptions, RoutesOption } from './queue/route-steps.ts'
export type { EditTarget, MoveOptions, NewTime, PurgeOptions } from './queue/verb-options.ts'
export type { PutOptions, ScheduleInfo, Schedules } from './schedule/schedules.ts'
export { currentJob, type JobContext } from './task/current-job.ts'
export type {
  CronTable,
  CronValue,
  EveryOptions,
  ScheduledArgs,
  ScheduledOptions,
  ScheduleRule,
  ScheduleSettings,
} from './task/every.ts'
export type {
  CallLimit,
  ConcurrencyLimit,
  ConcurrencyOption,
  Fairness,
  LimitKey,
  NamedLimit,
  RateLimit,
  RateOption,
} from './task/limits.ts'
export type { ErrorMatcher } from './task/matchers.ts'
export type { CallOptions, TaskOptions } from './task/options.ts'
export type { Debounce, OnConflict, Throttle, Unique, UniqueKey, UniqueKeyOf } from './task/unique.ts'
export type { Middleware } from './worker/middleware.ts'
export type { WorkerOptions } from './worker/options.ts'
export type { Worker } from './worker/worker.ts'
