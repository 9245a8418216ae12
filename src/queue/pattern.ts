/** Whether a name is a pattern: no task or queue may hold these characters. */
export function isPattern(name: string): boolean {
  return /[*?]/.test(name)
}

/** What a pattern fits: `*` stands for any characters or none, `?` for one; all else for itself. */
export function patternOf(glob: string): RegExp {
  const source = glob
    .replaceAll(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`, 'su')
}

/** The same for SQL's `like`. */
export function likeOf(glob: string): string {
  return glob
    .replaceAll(/[\\%_]/g, '\\$&')
    .replaceAll('*', '%')
    .replaceAll('?', '_')
}
