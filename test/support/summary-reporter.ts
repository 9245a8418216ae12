import type { SerializedError } from 'vitest'
import type { Reporter, TestModule, Vitest } from 'vitest/node'

/** Ends a run with the database it stood on and the counts, each alone on a line, for people and for scripts. */
export class SummaryReporter implements Reporter {
  #vitest: Vitest | undefined

  onInit(vitest: Vitest): void {
    this.#vitest = vitest
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const counts = { passed: 0, failed: unhandled.length, skipped: 0, pending: 0 }
    const flaky: string[] = []
    for (const module of modules) {
      // A file that does not load has no tests; it failed nevertheless, and so did a suite whose hooks threw.
      counts.failed += module.errors().length
      for (const suite of module.children.allSuites()) counts.failed += suite.errors().length
      for (const test of module.children.allTests()) {
        counts[test.result().state] += 1
        if (test.diagnostic()?.flaky === true) flaky.push(`${module.relativeModuleId} > ${test.fullName}`)
      }
    }
    const { passed, failed, skipped, pending } = counts
    const title = this.#vitest?.getRootProject().getProvidedContext().databaseTitle
    const left = skipped + pending
    for (const name of flaky) console.log(`flaky: ${name}`)
    console.log(`\n${title ?? 'no database was started'}`)
    console.log(`${passed} passed, ${failed} failed${left === 0 ? '' : `, ${left} skipped`}`)
  }
}
