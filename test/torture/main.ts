import { writeFileSync } from 'node:fs'
import { CONTROLS } from './controls.ts'
import { TortureServer } from './driver/server.ts'
import { Unavailable } from './driver/unavailable.ts'
import { LANES } from './lanes.ts'
import { readOptions, type TortureOptions, USAGE } from './options.ts'
import { summary, table, verdict } from './report.ts'
import { type Outcome, runLane } from './run.ts'

/** What a lane takes beside its faults: starting, draining, the probe and the stop. */
const OVERHEAD_SECONDS = 45
const LEAST_SECONDS = 20

let options: TortureOptions
try {
  options = readOptions(process.argv.slice(2))
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`)
  process.exit(2)
}
// The handlers at exit end the server and the processes.
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(130))

const { versions, lanes, seed, minutes, out } = options
console.log(`seed ${seed}`)
const outcomes: Outcome[] = []
const uncaught: string[] = []
const seconds =
  minutes === null
    ? null
    : Math.max(LEAST_SECONDS, (minutes * 60) / Math.max(1, versions.length * lanes.length) - OVERHEAD_SECONDS)

for (const version of versions) {
  const server = await TortureServer.start(version)
  try {
    for (const name of lanes) await torture(server, name)
    for (const name of options.controls) await prove(server, name)
  } finally {
    await server.destroy()
  }
}

if (outcomes.length > 0) console.log(`\n${table(outcomes)}`)
if (out !== null) writeFileSync(out, `${JSON.stringify(summary(outcomes), null, 2)}\n`)
const failed = outcomes.filter(({ report }) => report.violations.length > 0)
if (failed.length > 0) console.log(`\n${failed.length} of ${outcomes.length} lanes failed`)
if (uncaught.length > 0) console.log(`\ncontrols that were not caught: ${uncaught.join(', ')}`)
process.exit(failed.length + uncaught.length === 0 ? 0 : 1)

async function torture(server: TortureServer, name: string): Promise<void> {
  const lane = LANES[name]
  if (lane === undefined) return
  try {
    const outcome = await runLane({
      ...{ server, lane, seed: `${seed} ${name} ${server.version}` },
      ...(seconds !== null && { seconds }),
    })
    outcomes.push(outcome)
    console.log(verdict(outcome))
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    console.log(`SKIPPED: ${name}: ${error.message}`)
  }
}

/** A control is there to be caught; how it was is only told when it was not. */
async function prove(server: TortureServer, name: string): Promise<void> {
  const control = CONTROLS.find((one) => one.name === name)
  if (control === undefined) return
  const { lane, edits, broken, caughtBy } = control
  const outcome = await runLane({
    server,
    lane,
    seed: `${seed} ${name}`,
    edits,
    broken,
    probe: caughtBy.includes('I9'),
    idle: false,
  })
  const caught = outcome.report.violations.find(({ invariant }) => caughtBy.includes(invariant))
  if (caught !== undefined) {
    console.log(`caught ${name} on ${server.version}: ${caught.invariant} ${caught.kind}: ${caught.what}`)
    return
  }
  uncaught.push(`${name} on ${server.version}`)
  console.log(`NOT CAUGHT ${verdict(outcome)}`)
}
