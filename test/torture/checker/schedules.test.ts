import { describe, expect, test } from 'vitest'
import { goodDay, type Story } from './story.ts'

const ALL = 'fast allow all'
const LAST = 'fast allow last'
const NONE = 'fast allow none'
const SKIP = 'fast skip all'
const QUEUE = 'fast queue all'
const CRON = 'cron allow last'
const STEP = 250

/** A job that a schedule made for an instant, and that is done 10 ms later. */
function job(story: Story, schedule: string, instant: number, at = instant + 5, takes = 10): Story {
  const row = { task: 'tick', stamp: [schedule, instant] as const }
  const id = `${schedule}@${instant}`
  return story
    .step(at, 'in', id, row)
    .step(at + 1, 'took', id, { ...row, claimedAt: at + 1 })
    .step(at + takes, 'out', id, row)
}

/** An instant that fired, with its job. */
function fired(
  story: Story,
  schedule: string,
  instant: number,
  lateMs = 5,
  firedAt = instant + lateMs,
): Story {
  return job(story.fire(schedule, instant, 'fired', lateMs, firedAt), schedule, instant, firedAt)
}

function run(schedule: string, count = 5, story = goodDay()): Story {
  for (let index = 1; index <= count; index += 1) fired(story, schedule, index * STEP)
  return story
}

/** So many instants dealt with at once, some of which fire. */
function batch(
  story: Story,
  schedule: string,
  from: number,
  count: number,
  fires: (index: number) => boolean,
) {
  const last = from + (count - 1) * STEP
  for (let index = 0; index < count; index += 1) {
    const instant = from + index * STEP
    const late = last + 5 - instant
    if (fires(index)) fired(story, schedule, instant, late, last + 5)
    else story.fire(schedule, instant, 'missed', late, last + 5)
  }
  return story
}

describe('I11 schedules', () => {
  test('finds nothing where every instant fires once', () => {
    expect(run(ALL).verdict()).toEqual([])
  })

  test('finds an instant that was left out, and one that is none', () => {
    expect(fired(run(ALL), ALL, 7 * STEP).verdict()).toEqual(['I11 missing'])
    expect(fired(run(ALL), ALL, 5 * STEP + 100).verdict()).toEqual(['I11 off the rule'])
    expect(fired(run(ALL), ALL, 6 * STEP + 10).verdict()).toEqual(['I11 missing'])
  })

  test('reads seconds of a minute by a second opinion', () => {
    const at = (...seconds: number[]): Story =>
      seconds.reduce((story, second) => fired(story, CRON, second * 1_000), goodDay())
    expect(at(3, 4, 20, 41, 59, 63).verdict()).toEqual([])
    expect(at(3, 4, 20, 59).verdict()).toEqual(['I11 missing'])
    expect(at(3, 4, 12, 20).verdict()).toEqual(['I11 off the rule'])
  })

  test('finds an instant that made two jobs, or none, and a job of no instant', () => {
    const twin = { task: 'tick', stamp: [ALL, STEP] as const }
    expect(run(ALL).step(300, 'in', 'twin', twin).step(310, 'out', 'twin', twin).verdict()).toEqual([
      'I11 fired twice',
    ])
    expect(
      run(ALL)
        .fire(ALL, 6 * STEP)
        .verdict(),
    ).toEqual(['I11 not fired'])
    expect(job(run(ALL), ALL, 6 * STEP).verdict()).toEqual(['I11 unexplained'])
    expect(job(goodDay(), ALL, STEP).verdict()).toEqual(['I11 unexplained'])
  })

  test('finds a job that came again after what was kept of it had been forgotten', () => {
    const row = { task: 'tick', stamp: [ALL, STEP] as const }
    const again = run(ALL).step(400, 'in', `${ALL}@${STEP}`, row).step(410, 'out', `${ALL}@${STEP}`, row)
    expect(again.verdict()).toEqual(['I11 fired twice'])
  })

  test('knows what is made up for: all, as many as are wanted', () => {
    expect(batch(run(ALL), ALL, 6 * STEP, 12, () => true).verdict()).toEqual([])
    expect(batch(run(ALL), ALL, 6 * STEP, 12, (index) => index > 0).verdict()).toEqual(['I11 policy'])
  })

  test('knows what is made up for: the last', () => {
    expect(batch(run(LAST), LAST, 6 * STEP, 8, (index) => index === 7).verdict()).toEqual([])
    expect(batch(run(LAST), LAST, 6 * STEP, 8, (index) => index >= 6).verdict()).toEqual(['I11 policy'])
    expect(batch(run(LAST), LAST, 6 * STEP, 8, () => false).verdict()).toEqual(['I11 policy'])
  })

  test('knows what is made up for: none that is late', () => {
    const late = (outcome: string, ms: number): Story => {
      const story = run(NONE).at(1_600, 'driver', { e: 'pgstop', mode: 'fast' })
      story.at(6 * STEP + ms - 10, 'driver', { e: 'pgstart' })
      return outcome === 'fired'
        ? fired(story, NONE, 6 * STEP, ms)
        : story.fire(NONE, 6 * STEP, outcome, ms, 6 * STEP + ms)
    }
    expect(late('missed', 15_000).verdict()).toEqual([])
    expect(late('fired', 15_000).verdict()).toContain('I11 policy')
    expect(late('fired', 3_000).verdict()).toEqual([])
    expect(late('missed', 3_000).verdict()).toContain('I11 policy')
  })

  test('lets a batch begin later than the last one ended only when it is as long as can be', () => {
    const story = (count: number): Story =>
      batch(run(LAST), LAST, 100 * STEP, count, (index) => index === count - 1)
    expect(story(101).verdict()).not.toContain('I11 missing')
    expect(story(100).verdict()).toContain('I11 missing')
  })

  test('finds jobs that overlap where they may not, and one that was skipped for nothing', () => {
    const long = (schedule: string, count: number): Story => {
      const story = goodDay()
      for (let index = 1; index <= count; index += 1) {
        story.fire(schedule, index * STEP)
        job(story, schedule, index * STEP, index * STEP + 5, 2_000)
      }
      return story
    }
    expect(long(ALL, 5).verdict()).toEqual([])
    expect(long(SKIP, 2).verdict()).toEqual(['I11 overlap'])
    expect(
      long(SKIP, 1)
        .fire(SKIP, 2 * STEP, 'skipped')
        .verdict(),
    ).toEqual([])
    expect(
      run(SKIP)
        .fire(SKIP, 6 * STEP, 'skipped')
        .fire(SKIP, 7 * STEP, 'skipped')
        .verdict(),
    ).toEqual([])
    const idle = run(SKIP)
    for (let index = 6; index <= 20; index += 1) idle.fire(SKIP, index * STEP, 'skipped')
    expect(idle.verdict()).toEqual(['I11 skipped'])
    // One of a batch that is made up for at once, and those behind it.
    const made = fired(run(SKIP), SKIP, 6 * STEP, 9_000)
    for (let index = 7; index <= 9; index += 1)
      made.fire(SKIP, index * STEP, 'skipped', 9_000 - (index - 6) * STEP)
    expect(made.verdict()).not.toContain('I11 skipped')
    expect(long(QUEUE, 3).verdict()).toEqual(['I11 overlap', 'I12 too many at once'])
  })

  test('finds an instant that waited though somebody was there, and a schedule that has stopped', () => {
    expect(fired(run(ALL, 30), ALL, 31 * STEP, 6_000).verdict()).toEqual(['I11 late'])
    expect(run(ALL, 30).at(12_000, 'driver', { e: 'paused' }).verdict()).toEqual([])
    expect(run(ALL, 30).at(13_000, 'driver', { e: 'paused' }).verdict()).toEqual(['I11 late'])
  })
})
