const LONGEST_MS = 2 ** 31 - 1

/** `setTimeout` for any length: Node fires at once what is longer than 2^31 ms. Returns the function that stops it. */
export function after(ms: number, callback: () => void): () => void {
  let timer: NodeJS.Timeout
  const arm = (leftMs: number): void => {
    const stepMs = Math.min(leftMs, LONGEST_MS)
    timer = setTimeout(() => (leftMs > stepMs ? arm(leftMs - stepMs) : callback()), stepMs)
  }
  arm(ms)
  return () => clearTimeout(timer)
}
