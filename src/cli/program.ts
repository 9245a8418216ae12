import { Command } from 'commander'
import { VERSION } from '../base/version.ts'
import type { Cli } from './command.ts'
import { cancelCommand } from './commands/cancel.ts'
import { demoCommand } from './commands/demo.ts'
import { doctorCommand } from './commands/doctor.ts'
import { enqueueCommand } from './commands/enqueue.ts'
import { explainCommand } from './commands/explain.ts'
import { jobCommand } from './commands/job.ts'
import { jobsCommand } from './commands/jobs.ts'
import { limitsCommand } from './commands/limits.ts'
import { migrateCommand } from './commands/migrate.ts'
import { queuesCommand } from './commands/queues.ts'
import { retryCommand } from './commands/retry.ts'
import { schedulesCommand } from './commands/schedules.ts'
import { workerCommand } from './commands/worker.ts'
import { workersCommand } from './commands/workers.ts'
import { workflowCommand } from './commands/workflow.ts'

const AFTER = `
The database is, in this order: --database, CELERIAC_DATABASE_URL, DATABASE_URL, PGHOST or PGDATABASE and the other
variables of libpq, else a PostgreSQL of the project's own in .celeriac (not with NODE_ENV=production). A file .env is read.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 database unreachable, 4 schema missing or of another version;
130 and 143 when SIGINT or SIGTERM ended it.

Examples:
  celeriac demo                                   see it work, on audio files or without any
  celeriac migrate                                install the schema, or update it
  celeriac worker --app ./src/jobs.ts             run jobs
  celeriac enqueue add 2 3 --wait 10s             enqueue a job and print its result
  celeriac jobs --state failed                    what went wrong
  celeriac doctor                                 is everything as it should be?`

/** Makes the program with all its commands; none of what they need to run is loaded. */
export function makeProgram(cli: Cli): Command {
  const { stdout, stderr } = cli.terminal
  const program = new Command('celeriac')
    .description('a job queue that lives in your PostgreSQL')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .option('--database <url>', 'PostgreSQL to use')
    .option('--schema <name>', 'schema that holds the tables (default: celeriac)')
    .option('--json', 'print one JSON document instead of text')
    .option('--no-color', 'print without colours')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      // run.ts tells errors, in one line and a remedy.
      outputError: () => undefined,
    })
    .addHelpText('after', AFTER)
    .exitOverride()
  const commands = [
    demoCommand,
    migrateCommand,
    workerCommand,
    enqueueCommand,
    jobsCommand,
    jobCommand,
    explainCommand,
    retryCommand,
    cancelCommand,
    workflowCommand,
    queuesCommand,
    limitsCommand,
    schedulesCommand,
    workersCommand,
    doctorCommand,
  ]
  for (const make of commands) {
    program.addCommand(make(cli).copyInheritedSettings(program).helpOption('-h, --help', 'print this help'))
  }
  return program
}
