import { existsSync } from 'node:fs'
import { CommanderError } from 'commander'
import { CeleriacError, isCeleriacError } from '../base/errors.ts'
import { EXIT, exitCodeOfSignal } from './exit-codes.ts'
import { catchInterrupts, type Interrupts } from './interrupts.ts'
import { showsColours, type Terminal } from './output.ts'
import { problemOf } from './problem.ts'
import { makeProgram } from './program.ts'

/**
 * Runs one command and ends the process with its exit code.
 *
 * The process is ended rather than left to end: an app's file may hold connections and timers of its own.
 * @param argv - what stands behind `celeriac`
 */
export async function run(argv: readonly string[]): Promise<void> {
  const interrupts = catchInterrupts()
  endInOrderWithoutReader(interrupts)
  if (existsSync('.env')) process.loadEnvFile('.env')
  const terminal: Terminal = {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    env: process.env,
  }
  process.exitCode = await runCommand(argv, terminal, interrupts)
  await Promise.all([flushed(process.stdout), flushed(process.stderr)])
  process.exit()
}

async function runCommand(
  argv: readonly string[],
  terminal: Terminal,
  interrupts: Interrupts,
): Promise<number> {
  let exitCode: number = EXIT.done
  const end = (code: number): void => {
    exitCode = code
  }
  const program = makeProgram({ terminal, interrupts, end })
  try {
    await program.parseAsync(argv, { from: 'user' })
    return exitCode
  } catch (error) {
    return tell(
      error,
      argv,
      terminal,
      program.commands.map((command) => command.name()),
    )
  } finally {
    interrupts.stop()
  }
}

function tell(error: unknown, argv: readonly string[], terminal: Terminal, names: readonly string[]): number {
  if (isCeleriacError(error, 'INTERRUPTED')) return exitCodeOfSignal(String(error.facts.signal))
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done
  // Without a command commander has shown the help.
  if (error instanceof CommanderError && error.code === 'commander.help') return EXIT.usage
  const name = argv.find((word) => names.includes(word))
  const problem = problemOf(
    error instanceof CommanderError ? usageError(error) : error,
    name === undefined ? 'celeriac' : `celeriac ${name}`,
  )
  const { code, message, remedy, exitCode } = problem
  if (argv.includes('--json')) {
    terminal.stderr.write(`${JSON.stringify({ error: { code, message, try: remedy } })}\n`)
    return exitCode
  }
  const red = !argv.includes('--no-color') && showsColours(terminal.stderr, terminal.env)
  terminal.stderr.write(`${red ? '\x1b[31merror:\x1b[39m' : 'error:'} ${message}\ntry: ${remedy}\n`)
  return exitCode
}

/** Commander's words as ours: `error: unknown option '--quue'\n(Did you mean --queue?)`. */
function usageError({ message }: CommanderError): CeleriacError {
  const [first = '', ...rest] = message.replace(/^error: /, '').split('\n')
  const hint = rest.join(' ').match(/Did you mean (.+)\?/)?.[1]
  const problem = hint === undefined ? first : `${first}; did you mean ${hint}?`
  return new CeleriacError('CLI_USAGE', { problem })
}

/** `celeriac demo | head` closes the pipe early: that is no error, but whatever was started has to be stopped. */
function endInOrderWithoutReader(interrupts: Interrupts): void {
  let gone = false
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' || gone) return
      gone = true
      interrupts.raise('SIGPIPE')
    })
  }
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()))
}
