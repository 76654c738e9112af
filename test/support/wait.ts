export type Look<T> = () => T | undefined | false | Promise<T | undefined | false>;

/** Waits for something to become true; fails, saying what was awaited, when it does not for a long time. */
export async function until<T>(what: string, look: Look<T>): Promise<T> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}
