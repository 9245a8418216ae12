import type { Child } from '../driver/fleet.ts'
import type { Direction, WireProxy } from '../driver/proxy.ts'
import { type Fault, pause, type Stage } from './fault.ts'
import { victim } from './process.ts'

/** Throws away the answer to one call, after the server has committed what it asked for. */
export function dropReply(call: RegExp, then: 'reset' | 'silence'): Fault {
  return async (stage) => {
    const aim = target(stage)
    if (aim === null) return
    aim.proxy.dropNextReply(call, then, (dropped) =>
      stage.history.write({ e: 'drop', c: aim.child.name, call: dropped.call, js: dropped.ids }),
    )
  }
}

/** Loses all bytes of a worker, or those of one direction, for about so long. */
export function partition(fromMs: number, toMs: number, ...directions: readonly Direction[]): Fault {
  return async (stage) => {
    const aim = target(stage)
    if (aim === null) return
    const { child, proxy } = aim
    child.busy = true
    stage.history.write({ e: 'partition', c: child.name, how: directions.join(' and ') })
    proxy.blackhole(...directions)
    await pause(stage.random.integer(fromMs, toMs), stage.over)
    proxy.heal()
    stage.history.write({ e: 'heal', c: child.name })
    child.busy = false
  }
}

/** Pulls the network cable of a worker for about so long. */
export function unplug(fromMs: number, toMs: number): Fault {
  return async (stage) => {
    const child = victim(stage)
    const { plug } = stage.surroundings
    if (child === null || plug === undefined) return
    child.busy = true
    stage.history.write({ e: 'partition', c: child.name, how: 'cable' })
    plug(child.name, false)
    await pause(stage.random.integer(fromMs, toMs), stage.over)
    plug(child.name, true)
    stage.history.write({ e: 'heal', c: child.name })
    child.busy = false
  }
}

/** Ends all connections of a worker at once, without a word. */
export const reset: Fault = async (stage) => {
  const aim = target(stage)
  if (aim === null) return
  stage.history.write({ e: 'reset', c: aim.child.name })
  aim.proxy.reset()
}

/** A slow line for some seconds. */
export const slow: Fault = async (stage) => {
  const aim = target(stage)
  if (aim === null) return
  const ms = stage.random.integer(50, 500)
  stage.history.write({ e: 'delay', c: aim.child.name, ms })
  aim.proxy.delay(ms)
  await pause(5_000, stage.over)
  aim.proxy.delay(0)
  stage.history.write({ e: 'delay', c: aim.child.name, ms: 0 })
}

function target(stage: Stage): { readonly child: Child; readonly proxy: WireProxy } | null {
  const child = victim(stage)
  return child?.proxy == null ? null : { child, proxy: child.proxy }
}
