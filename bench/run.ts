import { existsSync } from 'node:fs'
import { join } from 'node:path'

// Nothing here may import a package: this file is what says that they are missing.
if (existsSync(join(import.meta.dirname, 'node_modules', 'pg'))) {
  const { main } = await import('./main.ts')
  process.exitCode = await main(process.argv.slice(2))
} else {
  console.error('the peers are not installed: run npm --prefix bench ci')
  process.exitCode = 2
}
