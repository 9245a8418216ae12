import { writeSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { Guard } from './guard.ts'
import { killProcess } from './kill-process.ts'
import type { GuardSettings, Order, Reply, Report } from './protocol.ts'
import { Questions } from './questions.ts'

/** The guard in a thread of its own; post.ts is the other side. */

if (parentPort !== null) {
  const port = parentPort
  const report = (said: Report): void => port.postMessage(said)
  const questions = new Questions(report)
  const guard = new Guard(workerData as GuardSettings, {
    report,
    snapshot: (workerId) => questions.snapshot(workerId),
    password: () => questions.password(),
    // What the thread prints would go through the main loop, which may stand still.
    kill: (why) => killProcess(why, (line) => writeSync(2, line)),
  })
  port.on('message', (said: Order | Reply) => {
    if (said.kind === 'reply') questions.answer(said)
    else void guard.obey(said).then(() => said.kind === 'stop' && port.close())
  })
}
