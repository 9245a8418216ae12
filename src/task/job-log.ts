import type { Logger } from 'pino'

/** What a handler may log with; in a worker it is a pino child that names the job. */
export type JobLog = Pick<
  Logger,
  'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'bindings' | 'isLevelEnabled'
> & {
  readonly child: (bindings: Readonly<Record<string, unknown>>) => JobLog
}

const say = (): void => undefined

/** Says nothing: for tasks that are called directly. */
export const SILENT_LOG: JobLog = {
  trace: say,
  debug: say,
  info: say,
  warn: say,
  error: say,
  fatal: say,
  bindings: () => ({}),
  isLevelEnabled: () => false,
  child: () => SILENT_LOG,
}
