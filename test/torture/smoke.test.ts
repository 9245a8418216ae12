import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CONTROLS, QUICK_CONTROLS } from './controls.ts'
import { TortureServer } from './driver/server.ts'
import { SMOKE } from './lanes.ts'
import { verdict } from './report.ts'
import { runLane } from './run.ts'

/*
 * What of the torture is quick enough for every run of the tests; `npm run torture` is the long one. Bounds of time
 * are wide here: other tests run on the same cores.
 */

const BUSY = { slackMs: 4_000, wakeUpMs: 2_000 }
let server: TortureServer

beforeAll(async () => {
  server = await TortureServer.start(18)
})
afterAll(() => server?.destroy())

describe('under torture', () => {
  test('nothing is lost, doubled, stuck or leaked', { timeout: 150_000 }, async () => {
    const outcome = await runLane({ server, lane: SMOKE, seed: 'smoke', bounds: BUSY, idle: false })
    expect(outcome.report.violations, verdict(outcome)).toEqual([])
    expect(outcome.report.figures.jobs).toBeGreaterThan(500)
    expect(Object.keys(outcome.faults)).toEqual(expect.arrayContaining(['kill9', 'term', 'drop-claim']))
  })

  test.each(CONTROLS.filter(({ name }) => QUICK_CONTROLS.includes(name)))('the checker catches: $name', {
    timeout: 90_000,
  }, async ({ name, lane, edits, broken, caughtBy }) => {
    const outcome = await runLane({
      ...{ server, lane, seed: name, edits, broken, bounds: BUSY, probe: false, idle: false },
    })
    const found = outcome.report.violations.map(({ invariant }) => invariant)
    expect(found.some((invariant) => caughtBy.includes(invariant))).toBe(true)
  })
})
