import type { Settings, Shape } from '../contenders/contender.ts'

/** What a worker saw: instants of the monotonic clock in ms, CPU of its whole process in seconds. */
export interface Figures {
  readonly count: number
  readonly firstAt: number
  readonly lastAt: number
  /** When the marked job began; NaN before that. */
  readonly markAt: number
  /** Since the contender's library was loaded. */
  readonly cpuSeconds: number
}

/** A measured number of jobs and how long they took. */
export interface Throughput {
  readonly jobs: number
  readonly seconds: number
}

/** How a worker is opened. */
export interface WorkerOrder {
  readonly settings: Settings
  /** Tells of every single job that begins, for latencies. */
  readonly reportEach: boolean
  /** Jobs tell of their beginning and go on until they are released; celeriac only. */
  readonly hold?: boolean
  /** Number of the job whose beginning is noted. */
  readonly mark?: number
}

/** Everything a child process of the bench can be told to do, with its argument and its answer. */
export interface Orders {
  /** Imports the contender's library and nothing else. */
  load: { argument: null; answer: null }
  openProducer: { argument: { url: string; settings: Settings }; answer: null }
  openWorker: { argument: { url: string } & WorkerOrder; answer: null }
  openTogether: { argument: { url: string }; answer: null }
  /** Enqueues `count` jobs by calls of the bulk method with `chunk` each, `parallel` of them at a time. */
  fill: { argument: { count: number; chunk: number; parallel?: number }; answer: Throughput }
  /** Starts jobs that wait for each other. */
  canvas: { argument: Shape; answer: Throughput }
  /** Lets `callers` loops await one enqueue after the other. */
  callers: { argument: { callers: number; seconds: number }; answer: Throughput }
  /** One caller; how long each enqueue took, in ms. */
  single: { argument: { seconds: number }; answer: number[] }
  /** Enqueues one job; when the call began and returned. */
  send: { argument: null; answer: { begunAt: number; returnedAt: number } }
  /** Keeps about `ahead` jobs enqueued beyond those reported as done, until `stopProducing`. */
  keepAhead: { argument: { ahead: number; chunk: number }; answer: null }
  done: { argument: { count: number }; answer: null }
  /** Lets the jobs end that are held. */
  release: { argument: null; answer: null }
  stopProducing: { argument: null; answer: { produced: number } }
  /** `connections` loops of begin, enqueue in the transaction, commit. */
  transactions: { argument: { url: string; connections: number; seconds: number }; answer: Throughput }
  figures: { argument: null; answer: Figures }
  close: { argument: null; answer: null }
}

export type OrderName = keyof Orders

/** Parent to child. */
export interface OrderMessage {
  readonly id: number
  readonly order: OrderName
  readonly argument: unknown
}

/** Child to parent. */
export type ChildMessage =
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly message: string }
  | { readonly kind: 'count'; readonly count: number }
  | { readonly kind: 'begun'; readonly sentAt: number; readonly begunAt: number }
