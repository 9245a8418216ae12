/*
 * A worker process of the demo. Its parent sets it up through the environment, hears "ready" from it, and stops it by
 * closing the channel between them, which also happens when the parent dies: no worker outlives its demo.
 */
import { Celeriac } from '../../celeriac.ts'
import { requireDemoPackages } from './packages.ts'
import { DEMO_QUEUE, demoTasks } from './tasks.ts'

const {
  CELERIAC_DEMO_DATABASE: database = '',
  CELERIAC_DEMO_RIGHTS: rightsUrl = '',
  CELERIAC_DEMO_CLOUD: cloud = '',
  CELERIAC_DEMO_PIECE_MS: pieceMs,
  CELERIAC_DEMO_WORKER: name = 'demo',
} = process.env

const app = new Celeriac({ database })
demoTasks(app, { cloud, rightsUrl, pieceMs: pieceMs === undefined ? undefined : Number(pieceMs) })
const worker = app.worker({ name, queues: [DEMO_QUEUE], concurrency: 4, stopTimeout: '2s', abortGrace: '1s' })

// A terminal sends Ctrl-C to every process of the group; ours waits for the word of its parent.
process.on('SIGINT', () => undefined)
process.once('SIGTERM', () => void app.stop())
process.once('disconnect', () => void app.stop())

// Loaded now, as an app's own imports are: in a first job they would keep all slots waiting.
await requireDemoPackages()
await worker.start()
if (process.connected) process.send?.('ready')
