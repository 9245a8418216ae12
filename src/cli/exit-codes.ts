import type { ErrorCode } from '../base/errors.ts'

/** What the process ends with; 130 and 143 say that SIGINT or SIGTERM ended it. */
export const EXIT = { done: 0, failed: 1, usage: 2, unreachable: 3, schema: 4 } as const

const USAGE: readonly ErrorCode[] = [
  'CLI_USAGE',
  'APP_FILE',
  'DATABASE_UNSET',
  'OPTION_INVALID',
  'OPTION_UNKNOWN',
  'OPTION_CONFLICT',
  'OPTIONS_INVALID',
  'NAME_INVALID',
  'QUEUE_NAME_INVALID',
  'SCHEMA_NAME_INVALID',
  'RATE_INVALID',
  'LIMIT_NAME',
  'LIMIT_KEY',
  'JOB_ID_INVALID',
  'ARGS_REJECTED',
  'DECODE_FAILED',
  'CRON_INVALID',
  'CRON_NEVER',
  'TIMEZONE_UNKNOWN',
]
const UNREACHABLE: readonly ErrorCode[] = ['CONNECT_FAILED', 'EMBEDDED_FAILED', 'EMBEDDED_UNAVAILABLE']
const SCHEMA: readonly ErrorCode[] = ['NOT_MIGRATED', 'SCHEMA_BEHIND', 'SCHEMA_AHEAD']

/** The exit code of a command that an error has ended. */
export function exitCodeOf(code: ErrorCode): number {
  if (USAGE.includes(code)) return EXIT.usage
  if (UNREACHABLE.includes(code)) return EXIT.unreachable
  return SCHEMA.includes(code) ? EXIT.schema : EXIT.failed
}

const SIGNALS: Readonly<Record<string, number>> = {
  SIGINT: 130,
  SIGTERM: 143,
  SIGHUP: 129,
  SIGPIPE: EXIT.done,
}

/** The exit code of a command that a signal has ended, as shells count it; a reader that has left is no failure. */
export function exitCodeOfSignal(signal: string): number {
  return SIGNALS[signal] ?? EXIT.failed
}
