/** All hook tests that must pass under any bash. */
import { deliverCases } from "./deliver.ts";
import { ladderCases } from "./ladder.ts";
import { lifeCases } from "./life.ts";
import { signalCases } from "./signals.ts";
import { turnEndCases } from "./turn-end.ts";
import { userLineCases } from "./userline.ts";
import { waiterCases } from "./waiter.ts";
import { wakeCases } from "./wake.ts";

export function coreCases(shell: string): void {
  deliverCases(shell);
  turnEndCases(shell);
  wakeCases(shell);
  signalCases(shell);
  waiterCases(shell);
  ladderCases(shell);
  lifeCases(shell);
  userLineCases(shell);
}
