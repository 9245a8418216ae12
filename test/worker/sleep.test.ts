import { describe, expect, test } from 'vitest'
import { Sleep } from '../../src/worker/sleep.ts'

describe('Sleep', () => {
  test('is announced again when a heartbeat said no before the announcement was answered', async () => {
    const answers: (() => void)[] = []
    const sleep = new Sleep(() => new Promise((resolve) => answers.push(resolve)))
    const first = sleep.begin(() => undefined)
    expect(sleep.beaten(false)).toBe(true)
    sleep.wake()
    answers[0]?.()
    await first
    void sleep.begin(() => undefined)
    expect(answers).toHaveLength(2)
  })

  test('is announced once for as long as heartbeats agree', async () => {
    let announced = 0
    const sleep = new Sleep(async () => {
      announced += 1
    })
    for (let nap = 0; nap < 3; nap += 1) {
      await sleep.begin(() => undefined)
      expect(sleep.beaten(sleep.takeSlept())).toBe(false)
      sleep.wake()
    }
    expect(announced).toBe(1)
  })
})
