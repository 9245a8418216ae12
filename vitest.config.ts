import { defineConfig } from 'vitest/config'
import { SummaryReporter } from './test/support/summary-reporter.ts'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // Real processes on a crowded machine: who fails once and passes then is named as flaky at the end, and stops nobody.
    retry: process.env.CI === undefined ? 0 : 1,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    typecheck: {
      enabled: true,
      include: ['test/**/*.test-d.ts'],
      checker: 'tsc',
      tsconfig: './tsconfig.json',
      // Errors outside of the type tests are shown by `npm run check`.
      ignoreSourceErrors: true,
    },
    reporters: ['default', new SummaryReporter()],
  },
})
