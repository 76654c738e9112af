/** What changes often, for what need not be drawn as often. */
import { type ReadonlySignal, signal } from "@preact/signals";

/** The first change at once, and then the latest at most every `ms`. */
export function slowed<T>(of: ReadonlySignal<T>, ms: number): ReadonlySignal<T> {
  const slow = signal(of.peek());
  let timer: ReturnType<typeof setTimeout> | undefined;
  function take(): void {
    timer = undefined;
    if (of.peek() === slow.peek()) return;
    slow.value = of.peek();
    timer = setTimeout(take, ms);
  }
  of.subscribe(() => {
    if (timer === undefined) take();
  });
  return slow;
}
