import { type CeleriacError, type ErrorCode, isCeleriacError } from '../base/errors.ts'
import { printable } from './demo/text-width.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { mask } from './mask.ts'

/** An error as the command line tells it: one line of what is wrong, one of what to try. */
export interface Problem {
  readonly code: string
  readonly message: string
  readonly remedy: string
  readonly exitCode: number
}

/** Their messages end with the remedy, behind the last semicolon. */
const SPEAK_FOR_THEMSELVES: readonly ErrorCode[] = [
  'DATABASE_UNSET',
  'EMBEDDED_UNAVAILABLE',
  'SCHEMA_AHEAD',
  'PERMISSION_DENIED',
  'READ_ONLY',
  'WORKER_STATE',
  'WORKFLOW_BUSY',
  'TIMEZONE_UNKNOWN',
  'DEMO_PACKAGES',
  'AUDIO_FOLDER',
]

/**
 * Reads what ended a command.
 *
 * @param command - as it was typed, such as `celeriac jobs`, for the hint where to read on
 */
export function problemOf(error: unknown, command: string): Problem {
  if (!isCeleriacError(error)) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'UNEXPECTED'
    const message = error instanceof Error ? error.message : String(error)
    return { code, message: clean(message), remedy: 'celeriac doctor', exitCode: EXIT.failed }
  }
  const [message, remedy] = worded(error, command)
  return {
    code: error.code,
    message: clean(message),
    remedy: clean(remedy),
    exitCode: exitCodeOf(error.code),
  }
}

function worded(error: CeleriacError, command: string): readonly [message: string, remedy: string] {
  const { code, message } = error
  const run = message.lastIndexOf('; run: ')
  if (run > 0) return [message.slice(0, run), message.slice(run + 7)]
  const last = message.lastIndexOf('; ')
  if (SPEAK_FOR_THEMSELVES.includes(code) && last > 0)
    return [message.slice(0, last), message.slice(last + 2)]
  const given = error.details?.try
  return [message, typeof given === 'string' ? given : hintFor(error, command)]
}

function hintFor({ code, facts }: CeleriacError, command: string): string {
  const jobId = 'jobId' in facts ? String(facts.jobId) : '<id>'
  switch (code) {
    case 'CONNECT_FAILED':
      return 'check that the server runs and that --database, DATABASE_URL or PGHOST name it'
    case 'EMBEDDED_FAILED':
      return 'read the log in the folder .celeriac, or give a server of your own with --database <url>'
    case 'JOB_UNKNOWN':
      return 'celeriac jobs, which lists the ids there are'
    case 'WORKFLOW_UNKNOWN':
      return 'celeriac jobs, which lists the ids there are; any job of a workflow names it'
    case 'SCHEDULE_UNKNOWN':
      return 'celeriac schedules, which lists those there are'
    case 'LIMIT_UNKNOWN':
      return 'celeriac limits, which lists those there are'
    case 'JOB_FAILED':
    case 'CHORD_FAILED':
    case 'JOB_CANCELLED':
    case 'RESULT_TIMEOUT':
      return `celeriac job ${jobId}`
    default:
      return exitCodeOf(code) === EXIT.usage ? `${command} --help` : 'celeriac doctor'
  }
}

const clean = (text: string): string => mask(printable(text))
