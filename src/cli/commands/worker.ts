import type { Command } from 'commander'
import { CeleriacError } from '../../base/errors.ts'
import { VERSION } from '../../base/version.ts'
import type { Celeriac } from '../../celeriac.ts'
import type { Worker } from '../../worker/worker.ts'
import { openApp } from '../app-session.ts'
import { type Cli, makeCommand } from '../command.ts'
import { EXIT, exitCodeOfSignal } from '../exit-codes.ts'
import { durationOf, numberOf, readExclude, readQueues } from '../flags.ts'
import type { Output } from '../output.ts'
import { soon } from '../session.ts'

interface Options {
  readonly app?: string
  readonly queues?: string
  readonly exclude?: string
  readonly purge?: boolean
  readonly concurrency?: string
  readonly name?: string
  readonly stopTimeout?: string
}

/** A worker that runs, and how it ended. */
interface Life {
  readonly worker: Worker
  /** Jobs that were given back while their handler still ran. */
  abandoned: number
}

export function workerCommand(cli: Cli): Command {
  const text = {
    usage: 'worker',
    summary: 'run the jobs of an app until SIGTERM or SIGINT',
    details: [
      'The file exports its app as `app` or as default; TypeScript is loaded as it is. Its app says which database it uses;',
      '--database reaches it as DATABASE_URL. The first signal lets running jobs end (--stop-timeout), the second aborts them,',
      'the third ends the process. Exits with 0 when all was finished, with 1 when jobs were given back while they ran.',
    ].join('\n'),
    examples: [
      ['celeriac worker --app ./src/jobs.ts', 'ten jobs at once from the queue default'],
      ['celeriac worker --app ./src/jobs.ts -q critical,default -c 20', 'the first queue goes first'],
      ['celeriac worker --app ./src/jobs.ts -q mail:4,default:1', 'turns are shared by weight'],
    ],
  } as const
  return makeCommand<Options>(cli, text, async (call) => {
    const { options, output } = call
    const file = options.app ?? cli.terminal.env.CELERIAC_APP
    if (file === undefined || file === '') {
      const problem = 'a worker needs the file that defines its tasks'
      throw new CeleriacError(
        'CLI_USAGE',
        { problem },
        { details: { try: 'celeriac worker --app ./src/jobs.ts' } },
      )
    }
    const app = await openApp(cli, call, file)
    try {
      return await work(cli, app, options, output)
    } finally {
      await soon(app.stop())
    }
  })
    .option('--app <file>', 'file that exports the app and defines its tasks (also: CELERIAC_APP)')
    .option(
      '-q, --queues <names>',
      "queues in order (mail,default) or with weights (mail:4,default:1); 'mail.*' for all that fit (default: the app's)",
    )
    .option('-X, --exclude <names>', 'queues to leave to others; alone: all queues but these')
    .option('--purge', 'first cancel what waits in these queues, scheduled jobs too, and say how many')
    .option('-c, --concurrency <n>', 'jobs to run at once (default: 10)')
    .option('--name <name>', 'name for people (default: host and process id)')
    .option('--stop-timeout <duration>', 'how long running jobs may take to end (default: 30s)')
}

async function work(cli: Cli, app: Celeriac, options: Options, output: Output): Promise<number> {
  if (options.purge === true && /[*?]/.test(options.queues ?? '')) {
    const problem = '--purge needs the names of queues; a pattern may stand for any'
    throw new CeleriacError('CLI_USAGE', { problem })
  }
  const worker = app.worker({
    ...(options.queues !== undefined && { queues: readQueues(options.queues) }),
    ...(options.exclude !== undefined && { exclude: readExclude(options.exclude) }),
    ...(options.concurrency !== undefined && { concurrency: numberOf(options.concurrency) }),
    ...(options.name !== undefined && { name: options.name }),
    ...(options.stopTimeout !== undefined && { stopTimeout: durationOf(options.stopTimeout) }),
  })
  const life: Life = { worker, abandoned: 0 }
  const ended = new Promise<void>((resolve, reject) => {
    let stopping = false
    app.on('worker:stopping', ({ workerId }) => {
      if (workerId !== worker.id) return
      stopping = true
      output.note(
        worker.running === 0
          ? 'stopping'
          : `stopping: ${jobs(worker.running)} still running; once more aborts`,
      )
    })
    app.on('job:released', ({ begun }) => {
      if (begun) life.abandoned += 1
    })
    app.on('worker:stopped', ({ workerId }) => {
      if (workerId === worker.id) resolve()
    })
    cli.interrupts.take((signal, count) => {
      if (count > 2) process.exit(exitCodeOfSignal(signal))
      // Handlers of the app's own come first: where they stop the worker, the first signal must not stop it twice.
      setImmediate(() => {
        if (stopping && count === 1) return
        if (count === 2) output.note('aborting: once more ends the process at once')
        worker.stop().then(resolve, reject)
      })
    })
  })
  const started = app.on('worker:started', ({ workerId, queues, concurrency }) => {
    if (workerId === worker.id) void announce(app, { worker, queues, concurrency }, output)
  })
  if (options.purge === true) await purge(app, worker, output)
  await worker.start()
  await ended
  started()
  const { abandoned } = life
  output.note(
    abandoned === 0
      ? 'stopped'
      : `stopped; ${jobs(abandoned)} given back while running, to run again elsewhere`,
  )
  return abandoned === 0 ? EXIT.done : EXIT.failed
}

async function purge(app: Celeriac, worker: Worker, output: Output): Promise<void> {
  let purged = 0
  for (const queue of worker.queues) purged += (await app.queues.purge(queue, { scheduled: true })).changed
  output.note(`purged ${jobs(purged)} of ${worker.queues.join(', ')}`)
}

interface Started {
  readonly worker: Worker
  readonly queues: readonly string[]
  readonly concurrency: number
}

async function announce(
  app: Celeriac,
  { worker, queues, concurrency }: Started,
  output: Output,
): Promise<void> {
  const { server, role, database, schema } = await app.location()
  if (output.json) {
    const { id, name } = worker
    const place = { server, role, database, schema }
    output.document({ version: VERSION, id, name, database: place, queues, concurrency, tasks: app.tasks })
    return
  }
  output.note(`celeriac ${VERSION} · worker ${worker.name}`)
  output.note(`database     ${database} at ${server} as ${role}, schema ${schema}`)
  output.note(`queues       ${queues.join(', ')}`)
  output.note(`concurrency  ${concurrency}`)
  output.note(`tasks        ${app.tasks.join(', ')}`)
  output.note('ready: Ctrl-C stops')
}

const jobs = (count: number): string => (count === 1 ? '1 job' : `${count} jobs`)
