/** A question to the person at the terminal. */
import type { Context } from "./context.ts";

/** Whether the answer is yes. No answer is no. To call only where somebody can answer (`stdinIsTerminal`). */
export async function saysYes(
  { screen, readLine }: Pick<Context, "screen" | "readLine">,
  question: string,
): Promise<boolean> {
  screen.stderr.write(`${question} [y/N] `);
  return /^y(es)?$/i.test((await readLine()).trim());
}
