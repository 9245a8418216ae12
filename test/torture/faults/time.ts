import type { Fault } from './fault.ts'
import { victim } from './process.ts'

const OFFSETS = ['+3h', '-3h', '-2h', '+0', '+0 x10', '+20y'] as const

/** Sets the clock of a worker: nothing may depend on it. */
export const stepClock: Fault = async (stage) => {
  const child = victim(stage)
  const offset = stage.random.pick(OFFSETS)
  if (child === null || offset === undefined || stage.surroundings.setClock === undefined) return
  stage.history.write({ e: 'clock', c: child.name, offset })
  stage.surroundings.setClock(child.name, offset)
}

/** Sets the clock of the server an hour ahead, which takes a restart: nobody may look dead for it. */
export const stepServerClock: Fault = async ({ history, surroundings }) => {
  if (surroundings.setServerClock === undefined) return
  history.write({ e: 'clock', c: 'postgres', offset: '+1h' })
  history.write({ e: 'pgstop', mode: 'fast' })
  await surroundings.setServerClock(1)
  history.write({ e: 'pgstart' })
}
