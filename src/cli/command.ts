import { Command } from 'commander'
import type { Interrupts } from './interrupts.ts'
import { createOutput, type Output, type Terminal } from './output.ts'

/** What commands share. */
export interface Cli {
  readonly terminal: Terminal
  readonly interrupts: Interrupts
  /** What the process will end with; each command says. */
  end(exitCode: number): void
}

/** Options that every command has. */
export interface SharedOptions {
  readonly database?: string
  readonly schema?: string
  readonly json?: boolean
  /** False for `--no-color`. */
  readonly color: boolean
}

/** What every command works with. */
export interface AnyCall {
  /** Arguments by position; a variadic one is a list. */
  readonly args: readonly (string | readonly string[] | undefined)[]
  readonly options: SharedOptions
  readonly output: Output
}

/** What a command with options of its own works with. */
export interface Call<Options> extends AnyCall {
  readonly options: Options & SharedOptions
}

/** How a command is described. */
export interface CommandText {
  /** Name and arguments, as commander writes them: `job <id>`. */
  readonly usage: string
  readonly summary: string
  /** Lines for `--help`: a command, and what it does. */
  readonly examples: readonly (readonly [command: string, purpose: string])[]
  /** More for `--help`. */
  readonly details?: string
}

/**
 * Makes a command.
 *
 * @param work - returns what the process ends with
 */
export function makeCommand<Options = object>(
  cli: Cli,
  text: CommandText,
  work: (call: Call<Options>) => Promise<number>,
): Command {
  const [name = '', ...parameters] = text.usage.split(' ')
  const command = new Command(name)
  if (parameters.length > 0) command.arguments(parameters.join(' '))
  return command
    .description(text.summary)
    .addHelpText('after', () => helpAfter(text))
    .action(async () => {
      const options = command.optsWithGlobals<Options & SharedOptions>()
      const output = createOutput(cli.terminal, options)
      cli.end(await work({ args: command.processedArgs, options, output }))
    })
}

/** A command with commands of its own; without one of them it does what it says itself. */
export function makeGroup(command: Command): { readonly command: Command; add(member: Command): void } {
  return {
    command,
    add: (member) => {
      command.addCommand(member.copyInheritedSettings(command).helpOption('-h, --help', 'print this help'))
    },
  }
}

function helpAfter({ details, examples }: CommandText): string {
  const width = Math.max(...examples.map(([command]) => command.length))
  const lines = examples.map(([command, purpose]) => `  ${command.padEnd(width)}   ${purpose}`)
  return `${details === undefined ? '' : `\n${details}\n`}\nExamples:\n${lines.join('\n')}`
}
