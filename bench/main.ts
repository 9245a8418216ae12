import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Answer, Question } from './answer.ts'
import { ALL } from './contenders/all.ts'
import type { Contender } from './contenders/contender.ts'
import { killRemotes } from './harness/remote.ts'
import { sizesOf } from './harness/sizes.ts'
import { Lab } from './lab.ts'
import { describeMachine, machineLines } from './machine.ts'
import { startPostgres } from './postgres.ts'
import { drainQuestion } from './questions/p01-drain.ts'
import { callersQuestion } from './questions/p02-callers.ts'
import { singleQuestion } from './questions/p03-single.ts'
import { bulkQuestion } from './questions/p04-bulk.ts'
import { latencyQuestion } from './questions/p05-latency.ts'
import { snapshotQuestion } from './questions/p06-snapshot.ts'
import { backlogQuestion } from './questions/p07-backlog.ts'
import { canvasQuestion } from './questions/p08-canvas.ts'
import { limitsQuestion } from './questions/p09-limits.ts'
import { transactionsQuestion } from './questions/p10-transactions.ts'
import { idleQuestion } from './questions/p11-idle.ts'
import { costQuestion } from './questions/p12-cost.ts'
import { importQuestion } from './questions/p13-import.ts'
import { rescueQuestion } from './questions/p14-rescue.ts'
import { startRedis } from './redis.ts'
import { tableLines } from './table.ts'

const QUESTIONS: readonly Question[] = [
  drainQuestion,
  callersQuestion,
  singleQuestion,
  bulkQuestion,
  latencyQuestion,
  snapshotQuestion,
  backlogQuestion,
  canvasQuestion,
  limitsQuestion,
  transactionsQuestion,
  idleQuestion,
  costQuestion,
  importQuestion,
  rescueQuestion,
]

const PEERS = ['graphile', 'pgboss', 'bullmq'] as const

const HELP = `npm run bench -- [options]

  --only P1,P5      these questions only: ${QUESTIONS.map(({ id }) => id).join(' ')}
  --peers a,b       graphile, pgboss, bullmq, or none        (all)
  --rounds n        rounds of each measurement               (3)
  --scale x         how much stands in the tables of P6, P7  (1 = 10 M jobs)
  --quick           small figures, about three minutes: to see that it works, not to quote
  --json file       writes the figures and the machine to a file
`

interface Choice {
  readonly questions: readonly Question[]
  readonly contenders: readonly Contender[]
  readonly rounds: number | undefined
  readonly scale: number
  readonly quick: boolean
  readonly json: string | undefined
}

/** Runs the bench. @returns the exit code: 0 measured, 1 a contender failed, 2 wrong usage */
export async function main(args: string[]): Promise<number> {
  let choice: Choice | undefined
  try {
    choice = read(args)
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    console.error(HELP)
    return 2
  }
  if (!choice) {
    console.log(HELP)
    return 0
  }
  process.once('SIGINT', () => process.exit(130))
  process.once('SIGTERM', () => process.exit(143))
  process.once('exit', killRemotes)
  return measure(choice)
}

async function measure(choice: Choice): Promise<number> {
  await using postgres = await startPostgres()
  const wantsRedis = choice.contenders.some(({ store }) => store === 'redis')
  await using redis = wantsRedis ? await startRedis() : undefined
  const machine = describeMachine(postgres.version, redis?.version)
  const header = machineLines(machine)
  if (wantsRedis && !redis) header.push('SKIPPED: BullMQ. There is no redis-server on this machine.')
  if (choice.quick) header.push('A quick run: it shows that the bench works. Do not quote these figures.')
  console.log(header.join('\n'))
  const lab = new Lab({
    contenders: choice.contenders.filter(({ store }) => store !== 'redis' || redis),
    sizes: sizesOf(choice),
    postgres,
    redis,
  })
  const answers: Answer[] = []
  for (const question of choice.questions) {
    process.stderr.write(`${question.id}\n`)
    for (const answer of await question.ask(lab)) {
      answers.push(answer)
      console.log(`\n${tableLines(answer).join('\n')}`)
    }
  }
  if (choice.json !== undefined) {
    await mkdir(dirname(choice.json), { recursive: true })
    await writeFile(
      choice.json,
      `${JSON.stringify({ machine, choice: choiceOf(choice), answers }, null, 2)}\n`,
    )
  }
  return answers.some(({ rows }) => rows.some(({ failure }) => failure !== undefined)) ? 1 : 0
}

function choiceOf({ questions, contenders, rounds, scale, quick }: Choice) {
  return {
    questions: questions.map(({ id }) => id),
    contenders: contenders.map(({ name }) => name),
    rounds: rounds ?? null,
    scale,
    quick,
  }
}

function read(argv: string[]): Choice | undefined {
  const { values } = parseArgs({
    args: argv,
    options: {
      only: { type: 'string' },
      peers: { type: 'string', default: PEERS.join(',') },
      rounds: { type: 'string' },
      scale: { type: 'string', default: '1' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const peers = values.peers === 'none' ? [] : values.peers.split(',')
  for (const peer of peers)
    if (!PEERS.some((known) => known === peer)) throw new Error(`no peer is called ${peer}`)
  const only = values.only?.toUpperCase().split(',')
  for (const id of only ?? [])
    if (!QUESTIONS.some((known) => known.id === id)) throw new Error(`no question is called ${id}`)
  return {
    questions: QUESTIONS.filter(({ id }) => only?.includes(id) ?? true),
    contenders: ALL.filter(
      ({ family }) => family === 'celeriac' || family === 'plain' || peers.includes(family),
    ),
    rounds: values.rounds === undefined ? undefined : positive('--rounds', values.rounds),
    scale: positive('--scale', values.scale),
    quick: values.quick,
    // npm runs scripts in the package's folder; the path is meant from where the user typed it.
    json: values.json && resolve(process.env.INIT_CWD ?? '.', values.json),
  }
}

function positive(option: string, text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new Error(`${option} needs a number above 0, not ${text}`)
  return value
}
