import { readFile } from 'node:fs/promises'
import { CeleriacError } from '../base/errors.ts'
import { decodeValue } from '../base/json.ts'

/**
 * Reads the arguments of a job: each is JSON, `@file` for JSON in a file, or `-` for JSON on stdin.
 *
 * @throws {CeleriacError} `CLI_USAGE` naming the argument that cannot be read
 */
export async function readArgs(
  given: readonly string[],
  stdin: AsyncIterable<Buffer | string>,
): Promise<unknown[]> {
  if (given.filter((arg) => arg === '-').length > 1) throw usage('only one argument can come from stdin')
  const args: unknown[] = []
  for (const [index, arg] of given.entries()) args.push(await readArg(arg, index + 1, stdin))
  return args
}

async function readArg(arg: string, number: number, stdin: AsyncIterable<Buffer | string>): Promise<unknown> {
  if (arg === '-') return parse(await readAll(stdin), `argument ${number} (stdin)`)
  if (!arg.startsWith('@')) return parse(arg, `argument ${number}`, quoted(arg))
  const file = arg.slice(1)
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw usage(`argument ${number}: cannot read ${file} (${error.code ?? error.message})`)
  })
  return parse(text, `argument ${number} (${file})`)
}

function parse(text: string, name: string, remedy?: string): unknown {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw usage(`${name} is not JSON: ${(error as Error).message}`, remedy)
  }
  return decodeValue(json, undefined, name)
}

/** What to type for a string that was given without its quotes. */
function quoted(arg: string): string | undefined {
  return /^[[{"]/.test(arg)
    ? undefined
    : `'${JSON.stringify(arg).replaceAll("'", "'\\''")}', if a string is meant`
}

async function readAll(stdin: AsyncIterable<Buffer | string>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString('utf8')
}

function usage(problem: string, remedy?: string): CeleriacError {
  return new CeleriacError('CLI_USAGE', { problem }, remedy === undefined ? {} : { details: { try: remedy } })
}
