/** Waits for a condition; fails with what was expected and what there was instead. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  options: { seconds?: number; instead?: () => string } = {},
): Promise<T> {
  // So long that only a hang exceeds it, also on a loaded machine.
  const seconds = options.seconds ?? 120;
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) {
      throw new Error(`waited ${seconds} s in vain: ${what}${options.instead ? `\n${options.instead()}` : ""}`);
    }
    await pause(25);
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
