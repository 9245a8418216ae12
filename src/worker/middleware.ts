import type { JobContext } from '../task/current-job.ts'

/**
 * Code around a handler: called with the job and the rest of the way. What it returns is the job's value, what it
 * throws is the job's error.
 *
 * @example app.use(async (job, next) => { const span = start(job.task); try { return await next() } finally { span.end() } })
 */
export type Middleware = (job: JobContext, next: () => Promise<unknown>) => unknown

/** Calls a handler inside the middleware, the first one outermost. */
export async function wrap(
  middleware: readonly Middleware[],
  job: JobContext,
  run: (job: JobContext, args: readonly unknown[]) => unknown,
): Promise<unknown> {
  const step = async (index: number): Promise<unknown> => {
    const layer = middleware[index]
    return layer === undefined ? run(job, job.args) : layer(job, () => step(index + 1))
  }
  return step(0)
}
