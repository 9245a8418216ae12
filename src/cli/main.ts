#!/usr/bin/env node
/*
 * cli: the commands people type. Each command is one file under commands/, whose top imports nothing heavy: what talks
 * to PostgreSQL, and your tasks, are loaded when a command needs them. Data goes to stdout, everything else to stderr;
 * the exit codes are in exit-codes.ts. This file only looks at the runtime, before anything that an old one cannot load.
 */
const NEEDED = [22, 12] as const

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < NEEDED[0] || (major === NEEDED[0] && minor < NEEDED[1])) {
  process.stderr.write(
    `error: celeriac needs Node ${NEEDED.join('.')} or newer; this is ${process.versions.node}\n`,
  )
  process.stderr.write('try: install the current Node from https://nodejs.org\n')
  process.exit(2)
}

const { run } = await import('./run.ts')
await run(process.argv.slice(2))

export {}
