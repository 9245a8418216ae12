/*
 * A process of its own for the demo, as the command line is one: `node run-demo.ts [folder]`, DATABASE_URL for another
 * database than the embedded one of the working directory.
 */
import { runDemo } from '../../../src/cli/demo/demo.ts'

const stop = new AbortController()
process.once('SIGINT', () => stop.abort())
process.exitCode = await runDemo({
  folder: process.argv[2],
  url: process.env.DATABASE_URL,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: stop.signal,
})
