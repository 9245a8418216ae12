import { describe, expect, test } from 'vitest'
import { goodDay, Story } from './checker/story.ts'

/** A job that ran in `a`, whose process was killed at 20, and again in `b`. */
const killed = (again = 2_000): Story =>
  new Story()
    .worker('a')
    .worker('b')
    .enqueued('j')
    .start(10, 'a', 'j', 1)
    .done(20, 'kill9', 'a')
    .exit(21, 'a', null)
    .attempt(again - 50, 'j', 'a', 1, 'lost')
    .start(again, 'b', 'j', 3, { a: 2 })
    .end(again + 10, 'b', 'j', 3)
    .settled(again + 11, 'b', 'j', 2)
    .result('j', 'b', 3, { attempt: 2, losses: 1 })

test('a good day violates nothing', () => {
  expect(goodDay().verdict()).toEqual([])
  expect(killed().verdict()).toEqual([])
})

describe('I1 no loss', () => {
  const asked = (): Story => goodDay().at(1, 'producer', { e: 'enq', ks: ['x'] })
  const unknown = (): Story =>
    asked().at(2, 'producer', { e: 'enq-unknown', ks: ['x'], code: 'CONNECT_FAILED' })
  const inTransaction = (): Story => goodDay().at(1, 'producer', { e: 'tx-begin', x: 't', ks: ['x'] })

  test('takes an unanswered job either way', () => {
    expect(unknown().verdict()).toEqual([])
    expect(unknown().runs(5, 'a', 'x').result('x', 'a', 1).verdict()).toEqual([])
  })

  test('takes a transaction whose end is unknown as a whole', () => {
    const open = (): Story => inTransaction().at(2, 'producer', { e: 'tx-unknown', x: 't' })
    expect(open().verdict()).toEqual([])
    expect(open().order('x').runs(5, 'a', 'x').result('x', 'a', 1).verdict()).toEqual([])
    expect(open().order('x').verdict()).toEqual(['I1 torn'])
  })

  test('misses an acknowledged job that is nowhere', () => {
    expect(
      asked()
        .at(2, 'producer', { e: 'enq-ok', ks: ['x'] })
        .verdict(),
    ).toEqual(['I1 lost'])
  })

  test('misses a job whose transaction was committed', () => {
    expect(inTransaction().at(2, 'producer', { e: 'tx-commit', x: 't' }).order('x').verdict()).toEqual([
      'I1 lost',
      'I1 torn',
    ])
  })

  test('finds a job that is settled twice', () => {
    expect(goodDay().result('one', 'a', 1).verdict()).toEqual(['I1 doubled'])
  })

  test('finds a job that is settled and still to be run', () => {
    expect(goodDay().left('one').verdict()).toEqual(['I1 doubled', 'I1 unsettled', 'I10 stuck'])
  })

  test('finds a job nobody asked for', () => {
    expect(goodDay().result('ghost', null, 1, { state: 'cancelled' }).verdict()).toEqual(['I1 unexpected'])
  })

  test('finds a job that was refused', () => {
    const refused = asked().at(2, 'producer', { e: 'enq-fail', ks: ['x'], code: '22000' })
    expect(refused.result('x', null, 1, { state: 'cancelled' }).verdict()).toEqual(['I1 unexpected'])
  })

  test('finds a job whose transaction was rolled back', () => {
    const rolledBack = inTransaction().at(2, 'producer', { e: 'tx-rollback', x: 't' })
    expect(rolledBack.result('x', null, 1, { state: 'cancelled' }).verdict()).toEqual([
      'I1 unexpected',
      'I1 torn',
    ])
  })
})

describe('I2 one authority', () => {
  test('finds one token started in two processes', () => {
    const twice = goodDay().start(50, 'b', 'one', 1).end(60, 'b', 'one', 1)
    expect(twice.verdict()).toContain('I2 token started twice')
  })

  test('finds a token that shrinks', () => {
    const back = new Story().worker('a').worker('b').enqueued('j')
    back.start(1, 'a', 'j', 3).end(2, 'a', 'j', 3).settled(2, 'a', 'j', 3, 'retried')
    back.start(3, 'b', 'j', 2).end(4, 'b', 'j', 2).result('j', 'b', 3, { attempt: 2, snoozes: 1 })
    expect(back.verdict()).toContain('I2 token shrank')
  })

  test('finds a row with a lower token than an attempt had', () => {
    const low = new Story().worker('a').enqueued('j').runs(1, 'a', 'j', 2)
    expect(low.result('j', 'a', 1, { snoozes: 1 }).verdict()).toContain('I2 token shrank')
  })

  test('finds a gap that nothing tells the reason of', () => {
    const gap = new Story().worker('a').enqueued('j').runs(1, 'a', 'j', 3).result('j', 'a', 3)
    expect(gap.verdict()).toEqual(['I2 gap'])
  })

  test('takes a gap after a claim that was given back', () => {
    const gap = new Story().worker('a').enqueued('j').at(0.5, 'a', { e: 'claim', j: 'j', a: 1 })
    gap.settled(0.8, 'a', 'j', 1, 'released')
    gap.start(1, 'a', 'j', 3, { a: 1 }).end(2, 'a', 'j', 3).settled(3, 'a', 'j', 1).result('j', 'a', 3)
    expect(gap.verdict()).toEqual([])
  })

  test('finds a take-away that left the token as it was', () => {
    const same = new Story().worker('a').worker('b').enqueued('j').start(10, 'a', 'j', 1)
    same.done(20, 'kill9', 'a').exit(21, 'a', null).attempt(1_950, 'j', 'a', 1, 'lost')
    same.runs(2_000, 'b', 'j', 2).result('j', 'b', 2, { attempt: 2, losses: 1 })
    expect(same.verdict()).toEqual(['I2 token not raised'])
  })

  describe('false rescues', () => {
    const accused = (t: number): Story =>
      goodDay()
        .printed('b', 'out', '{"msg":"jobs rescued from a dead worker"}\n')
        .at(t, 'b', { e: 'rescued', w: 'wa', jobs: 0, reason: 'its sessions ended' })

    test('finds the rescue of a process that is well', () => {
      expect(accused(5_000).verdict()).toEqual(['I2 false rescue'])
    })

    test('finds one that only the table tells of', () => {
      expect(goodDay().attempt(5_000, 'one', 'a', 9, 'lost').done(6_000, 'reset', 'b').verdict()).toEqual([
        'I2 false rescue',
      ])
    })

    test('finds the rescue of a process that was frozen for a moment', () => {
      const blinked = accused(5_000).done(3_000, 'sigstop', 'a').done(6_000, 'sigcont', 'a')
      expect(blinked.verdict()).toEqual(['I2 false rescue'])
    })

    test('takes the rescue of a process that is dead, frozen for a lease, cut off, or frozen without sessions', () => {
      const frozen = accused(17_000).done(1_000, 'sigstop', 'a').done(20_000, 'sigcont', 'a')
      const cutOff = accused(17_000).at(1_000, 'driver', { e: 'partition', c: 'a', how: 'both' })
      const cut = accused(5_000)
        .done(1_000, 'sigstop', 'a')
        .done(1_001, 'cut', 'a')
        .done(8_000, 'sigcont', 'a')
      expect([killed(), frozen, cutOff, cut].map((story) => story.verdict())).toEqual([[], [], [], []])
    })
  })
})

describe('I3 no overlap', () => {
  const both = (): Story =>
    new Story()
      .worker('a')
      .worker('b')
      .enqueued('j')
      .start(10, 'a', 'j', 1)
      .start(17_000, 'b', 'j', 3, { a: 2 })
      .end(18_000, 'b', 'j', 3)
      .settled(18_001, 'b', 'j', 2)
      .attempt(16_900, 'j', 'a', 1, 'lost')
      .result('j', 'b', 3, { attempt: 2, losses: 1 })

  test('finds two attempts at once', () => {
    expect(both().end(17_500, 'a', 'j', 1).verdict()).toContain('I3 overlap')
  })

  test('finds an attempt that never ends beside another', () => {
    expect(both().verdict()).toContain('I3 overlap')
  })

  test('finds one that goes on after a partition', () => {
    const cutOff = both().at(100, 'driver', { e: 'partition', c: 'a', how: 'both' }).done(25_000, 'heal', 'a')
    expect(cutOff.end(17_100, 'a', 'j', 1).verdict()).toContain('I3 overlap')
  })

  test('finds one that goes on for long after its thaw', () => {
    const zombie = both().done(100, 'sigstop', 'a').done(17_200, 'sigcont', 'a').end(17_900, 'a', 'j', 1)
    expect(zombie.verdict()).toEqual(['I3 overlap'])
  })

  test('finds one whose process was frozen for less than a lease', () => {
    const blinked = both().done(9_000, 'sigstop', 'a').done(17_200, 'sigcont', 'a').end(17_210, 'a', 'j', 1)
    expect(blinked.verdict()).toContain('I3 overlap')
  })

  test('tolerates one that is told at once after its thaw, and counts it', () => {
    const zombie = both().done(100, 'sigstop', 'a').done(17_200, 'sigcont', 'a')
    const { violations, figures } = zombie.at(17_300, 'a', { e: 'lost', j: 'j', a: 1 }).judged()
    expect(violations).toEqual([])
    expect(figures).toMatchObject({ overlapping: 0, tolerated: 1 })
  })

  test('tolerates one that could not hear that it is out of reach, and no other', () => {
    const cutOff = (): Story =>
      both()
        .at(100, 'driver', { e: 'partition', c: 'a', how: 'both' })
        .done(25_000, 'heal', 'a')
        .end(17_300, 'a', 'j', 1)
    const blocked = cutOff()
      .enqueued('k')
      .start(16_000, 'a', 'k', 1, { task: 'block' })
      .end(17_200, 'a', 'k', 1)
    expect(blocked.settled(17_300, 'a', 'k', 1).result('k', 'a', 1).verdict()).toEqual([])
    expect(cutOff().verdict()).toEqual(['I3 overlap'])
  })

  test('takes the better excuse of a process that was frozen twice, the last time for good', () => {
    const twice = both().done(5, 'sigstop', 'a').done(9, 'sigcont', 'a').done(100, 'sigstop', 'a')
    expect(twice.done(17_900, 'kill9', 'a').verdict()).toEqual([])
  })

  test('closes attempts with their process', () => {
    expect(killed(20.5).verdict({ recovery: { R1: 0, R2: 0, R3: 0, R4: 0, R6: 0, R7: 0 } })).not.toContain(
      'I3 overlap',
    )
  })
})

describe('I4 fenced settlement', () => {
  test('finds a row that shows the value of another attempt', () => {
    const stale = killed().at(0, 'x', { e: 'evicted' })
    const wrong = goodDay().enqueued('j').runs(20, 'a', 'j')
    wrong.result('j', 'a', 1, { value: { token: 2, worker: 'wa' } })
    expect([stale.verdict(), wrong.verdict()]).toEqual([[], ['I4 wrong settlement']])
  })

  test('finds a row that shows the value of another worker', () => {
    const wrong = goodDay().enqueued('j').runs(20, 'a', 'j')
    wrong.result('j', 'a', 1, { value: { token: 1, worker: 'wb' } })
    expect(wrong.verdict()).toEqual(['I4 wrong settlement'])
  })

  test('finds a success without a value', () => {
    const wrong = goodDay().enqueued('j').runs(20, 'a', 'j').result('j', 'a', 1, { value: null })
    expect(wrong.verdict()).toEqual(['I4 wrong settlement'])
  })

  test('finds the success of an attempt that never began', () => {
    const wrong = goodDay().enqueued('j').start(20, 'a', 'j', 1).end(21, 'a', 'j', 1)
    expect(wrong.result('j', 'a', 2).verdict()).toEqual(['I4 wrong settlement'])
  })

  test('finds a job that two workers were told to have settled', () => {
    expect(goodDay().settled(30, 'b', 'one', 1, 'failed').verdict()).toEqual(['I4 settled twice'])
  })

  test('takes a second settling after the operator asked for it', () => {
    const again = goodDay().at(25, 'operator', { e: 'ask', verb: 'retry', j: 'one' })
    expect(again.settled(30, 'b', 'one', 1, 'failed').verdict()).toEqual([])
  })
})

describe('I5 effects once', () => {
  const job = (): Story =>
    goodDay()
      .enqueued('j')
      .start(20, 'a', 'j', 1, { task: 'effect' })
      .end(21, 'a', 'j', 1)
      .settled(22, 'a', 'j', 1)
  const succeeded = (): Story => job().result('j', 'a', 1, { task: 'effect' }).effect('j', 1)

  test('takes one effect of the attempt that succeeded', () => {
    expect(succeeded().verdict()).toEqual([])
  })

  test('finds a second effect', () => {
    expect(succeeded().effect('j', 1).verdict()).toEqual(['I5 effect doubled'])
  })

  test('finds a missing effect', () => {
    const missing = succeeded().enqueued('k').runs(30, 'a', 'k').result('k', 'a', 1, { task: 'effect' })
    expect(missing.verdict()).toEqual(['I5 effect missing'])
  })

  test('finds the effect of an attempt that did not count', () => {
    expect(job().result('j', 'a', 1, { task: 'effect' }).effect('j', 2).verdict()).toEqual([
      'I5 effect of another',
    ])
  })

  test('finds the effect of a job that failed', () => {
    const failed = job().result('j', 'a', 1, { task: 'effect', state: 'failed', value: null }).effect('j', 1)
    expect(failed.verdict()).toEqual(['I5 effect left'])
  })
})

describe('I6 bounded', () => {
  test('finds more attempts than were allowed', () => {
    const row = { state: 'failed', attempt: 4, maxAttempts: 3, value: null } as const
    expect(goodDay().enqueued('j').result('j', 'a', 9, row).verdict()).toEqual(['I6 too many attempts'])
  })

  test('finds a job that outlived too many deaths', () => {
    const row = { state: 'failed', attempt: 6, losses: 6, value: null } as const
    expect(goodDay().enqueued('j').result('j', 'a', 12, row).verdict()).toEqual(['I6 too many losses'])
  })

  test('finds a job that began more often than anything allows', () => {
    const story = goodDay().enqueued('j')
    for (let token = 1; token <= 12; token += 1) {
      story.start(token * 10, 'a', 'j', token).end(token * 10 + 1, 'a', 'j', token)
    }
    expect(story.result('j', 'a', 12, { attempt: 5 }).verdict()).toEqual(['I6 too many starts'])
  })

  test('finds a worker that claims more than it may ask for', () => {
    const greedy = goodDay()
      .at(50, 'a', { e: 'claim', j: 'x', a: 1 })
      .at(51, 'a', { e: 'claim', j: 'y', a: 1 })
    expect(greedy.verdict({ mostHeld: 2 })).toEqual([])
    expect(greedy.verdict({ mostHeld: 1 })).toEqual(['I6 too many claimed'])
    expect(greedy.settled(50.5, 'a', 'x', 1, 'released').verdict({ mostHeld: 1 })).toEqual([])
  })

  test('finds workers that ask all the time', () => {
    const sample = { e: 'sample', overdue: 0, orphans: 0, unsettled: 0, connections: 0 } as const
    const idle = (perSecond: number): Story =>
      goodDay()
        .at(10_000, 'driver', { e: 'phase', name: 'idle' })
        .at(10_001, 'driver', { ...sample, transactions: 1_000 })
        .at(12_001, 'driver', { ...sample, transactions: 1_000 + 2 * perSecond })
        .at(13_000, 'driver', { e: 'phase', name: 'close' })
    expect(idle(2 * 19).verdict()).toEqual([])
    expect(idle(2 * 21).verdict()).toEqual(['I6 busy loop'])
  })
})

describe('I7 recovery', () => {
  test('finds a job of a killed process that waits for too long', () => {
    expect(killed(5_021).verdict()).toEqual(['I7 late R1'])
  })

  test('finds a job of a killed process that never runs again', () => {
    const never = goodDay()
      .enqueued('j')
      .start(10, 'a', 'j', 1)
      .done(30, 'kill9', 'a')
      .left('j', 'a')
      .undrained()
    expect(never.verdict()).toContain('I7 late R1')
  })

  test('measures from the end of an outage, with the bound of the lease', () => {
    const restarted = killed(20_900)
      .at(500, 'driver', { e: 'pgstop', mode: 'fast' })
      .at(1_000, 'driver', { e: 'pgstart' })
    restarted.enqueued('k').runs(1_200, 'b', 'k').result('k', 'b', 1)
    expect(restarted.verdict()).toEqual([])
    expect(restarted.judged().figures.recovery).toMatchObject({ R3: { max: 19_900 }, R4: { max: 200 } })
  })

  test('finds a worker that takes too long to go on after an outage', () => {
    const slow = goodDay().at(30, 'driver', { e: 'pgstop', mode: 'fast' }).at(40, 'driver', { e: 'pgstart' })
    expect(slow.enqueued('j').runs(3_041, 'a', 'j').result('j', 'a', 1).verdict()).toEqual(['I7 late R4'])
  })

  test('finds jobs of a frozen process that nobody takes', () => {
    const frozen = goodDay()
      .enqueued('j')
      .start(30, 'a', 'j', 1)
      .done(40, 'sigstop', 'a')
      .done(30_000, 'sigcont', 'a')
    frozen
      .at(30_001, 'a', { e: 'lost', j: 'j', a: 1 })
      .start(25_000, 'b', 'j', 3, { a: 2 })
      .end(25_001, 'b', 'j', 3)
    frozen.settled(25_002, 'b', 'j', 2).attempt(24_900, 'j', 'a', 1, 'lost')
    expect(frozen.result('j', 'b', 3, { attempt: 2, losses: 1 }).verdict()).toEqual(['I7 late R2'])
  })

  test('finds jobs that were claimed in a lost answer and not given back', () => {
    const dropped = goodDay()
      .at(30, 'driver', { e: 'drop', c: 'a', call: 'work_cycle', js: ['j'] })
      .enqueued('j')
    dropped.start(10_031, 'b', 'j', 3, { a: 1 }).end(10_032, 'b', 'j', 3).settled(10_033, 'b', 'j', 1)
    expect(dropped.result('j', 'b', 3, { snoozes: 1 }).verdict()).toEqual(['I7 late R6'])
  })

  test('finds a handler that outlives its time limit', () => {
    const stuck = goodDay().enqueued('j').start(10, 'a', 'j', 1, { task: 'never' })
    stuck.end(1_011, 'a', 'j', 1, 'aborted').settled(3_011, 'a', 'j', 1, 'failed')
    expect(stuck.result('j', 'a', 1, { state: 'failed', value: null }).verdict()).toEqual(['I7 late R7'])
  })
})

describe('I8 no leaks', () => {
  const stopping = (): Story => goodDay().done(1_000, 'term', 'a')

  test('takes a clean stop', () => {
    expect(stopping().at(1_500, 'a', { e: 'down' }).exit(1_600, 'a').verdict()).toEqual([])
  })

  test('finds what is left on the server', () => {
    expect(
      goodDay()
        .leftover({ connections: ['celeriac:pool'] })
        .verdict(),
    ).toEqual(['I8 connection leaked'])
    expect(goodDay().leftover({ advisoryLocks: 1 }).verdict()).toEqual(['I8 lock leaked'])
    expect(goodDay().leftover({ prepared: 1 }).verdict()).toEqual(['I8 transaction leaked'])
  })

  test('finds a process that does not end', () => {
    expect(
      stopping()
        .leftover({ undead: ['a'] })
        .verdict(),
    ).toEqual(['I8 process leaked'])
  })

  test('finds an exit code that says something else', () => {
    expect(stopping().at(1_500, 'a', { e: 'down' }).exit(1_600, 'a', 1).verdict()).toEqual(['I8 exit code'])
  })

  test('finds a stop that takes its time', () => {
    expect(stopping().at(9_100, 'a', { e: 'down' }).exit(9_200, 'a').verdict()).toEqual(['I8 slow stop'])
  })
})

describe('I9 wake-up', () => {
  const probed = (...waits: readonly number[]): Story => {
    const story = goodDay().at(1_000, 'driver', { e: 'phase', name: 'probe' })
    for (const [index, wait] of waits.entries()) {
      const [job, t] = [`probe-${index}`, 1_001 + index]
      story.enqueued(job, t)
      if (Number.isFinite(wait)) story.runs(t + wait, 'a', job).result(job, 'a', 1)
      else story.result(job, null, 2, { state: 'cancelled' })
    }
    return story.at(60_000, 'driver', { e: 'phase', name: 'idle' })
  }

  test('takes jobs that begin at once', () => {
    expect(probed(1, 2, 250).verdict()).toEqual([])
  })

  test('finds jobs that wait for a poll', () => {
    expect(probed(1, 2, 9_000).verdict()).toEqual(['I9 slow wake-up'])
    expect(probed(251).verdict()).toEqual(['I9 slow wake-up'])
  })

  test('finds a job that never begins', () => {
    expect(probed(1, Number.POSITIVE_INFINITY).verdict()).toEqual(['I9 slow wake-up'])
  })
})

describe('I10 tidy', () => {
  const sample = {
    e: 'sample',
    overdue: 0,
    orphans: 0,
    unsettled: 1,
    connections: 9,
    transactions: 9,
  } as const

  test('finds a run that was not drained', () => {
    expect(goodDay().undrained().verdict()).toEqual(['I10 undrained'])
  })

  test('finds jobs that stay with a worker, or with nobody', () => {
    expect(goodDay().enqueued('x').left('x', 'a').undrained().verdict()).toEqual([
      'I10 undrained',
      'I10 stuck',
    ])
    expect(goodDay().enqueued('x').left('x', 'nobody').verdict()).toEqual(['I1 unsettled', 'I10 stuck'])
    expect(goodDay().enqueued('x').left('x').verdict()).toEqual(['I1 unsettled', 'I10 stuck'])
  })

  test('finds jobs that run on workers without a row for long', () => {
    const story = goodDay()
    for (let t = 1_000; t < 30_000; t += 1_000) story.at(t, 'driver', { ...sample, orphans: 1 })
    expect(story.verdict()).toEqual(['I10 orphaned'])
  })

  test('finds due jobs that nobody takes while nothing is wrong', () => {
    const story = goodDay()
    for (let t = 1_000; t < 50_000; t += 1_000) story.at(t, 'driver', { ...sample, overdue: 1 })
    expect(story.verdict()).toEqual(['I10 unclaimed'])
    expect(story.at(20_000, 'driver', { e: 'pgstop', mode: 'fast' }).verdict()).toEqual([])
  })

  test('finds a broken index', () => {
    expect(goodDay().corrupt('jobs_for_claim: item order').verdict()).toEqual(['I10 corrupt'])
  })
})

describe('I15 told', () => {
  test('takes records', () => {
    expect(goodDay().printed('a', 'out', '{"msg":"worker started"}\n').verdict()).toEqual([])
  })

  test('takes a record that a kill tore', () => {
    expect(goodDay().printed('a', 'out', '{"msg":"worker started"}\n{"msg":"wor').verdict()).toEqual([])
  })

  test('finds a secret, also in the log of the server', () => {
    expect(goodDay().printed('a', 'out', '{"msg":"4111-secret"}\n').verdict()).toEqual(['I15 secret told'])
    expect(goodDay().printed('postgres', 'log', 'DETAIL: (4111-secret)').verdict()).toEqual([
      'I15 secret told',
    ])
  })

  test('finds what Node complains about', () => {
    const rejection = 'UnhandledPromiseRejection: nobody looked'
    const listeners = '(node:7) MaxListenersExceededWarning: Possible EventEmitter memory leak'
    expect(goodDay().printed('a', 'err', rejection).verdict()).toEqual(['I15 complaint'])
    expect(goodDay().printed('a', 'err', listeners).verdict()).toEqual(['I15 complaint'])
  })

  test('finds anything else that is printed beside the log', () => {
    expect(goodDay().printed('a', 'err', 'Error: boom').verdict()).toEqual(['I15 noise'])
    expect(goodDay().printed('a', 'out', 'hello\n{"msg":"x"}\n').verdict()).toEqual(['I15 unstructured'])
  })

  test('finds a storm of lines', () => {
    const lines = '{"time":1000,"msg":"the heartbeat failed"}\n'.repeat(51)
    expect(goodDay().printed('a', 'out', lines).verdict()).toEqual(['I15 log storm'])
  })

  test('finds a rescue that no log tells of', () => {
    const silent = killed().at(1_950, 'b', { e: 'rescued', w: 'wa', jobs: 1, reason: 'its sessions ended' })
    expect(silent.verdict()).toEqual(['I15 untold'])
    expect(silent.printed('b', 'out', '{"msg":"jobs rescued from a dead worker"}\n').verdict()).toEqual([])
  })
})
