/*
 * A process of its own for the demo, as the command line is one: `node run-demo.ts [--fail] [folder]`, DATABASE_URL for
 * another database than the embedded one of the working directory.
 */
import { runDemo } from '../../../src/cli/demo/demo.ts'

const words = process.argv.slice(2)
const stop = new AbortController()
process.once('SIGINT', () => stop.abort())
process.exitCode = await runDemo({
  folder: words.find((word) => word !== '--fail'),
  fail: words.includes('--fail'),
  url: process.env.DATABASE_URL,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: stop.signal,
})
