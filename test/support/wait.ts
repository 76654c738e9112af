export type Look<T> = () => T | undefined | false | Promise<T | undefined | false>;

/** So long that only a hang exceeds it, also on a loaded machine. */
const LIMIT_MS = 120_000;

/** Waits for something to become true; fails, saying what was awaited, when it does not for a long time. */
export async function until<T>(what: string, look: Look<T>): Promise<T> {
  const start = performance.now();
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    const waited = performance.now() - start;
    if (waited > LIMIT_MS) throw new Error(`waited in vain: ${what}`);
    // A look may be a request. What takes long is looked at less often.
    await new Promise((resolve) => setTimeout(resolve, Math.min(60, Math.max(15, waited / 20))));
  }
}
