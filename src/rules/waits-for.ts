/** What a blocked session waits for, in words for people. The tool, where it is named, stands last. */
export function waitsFor(tool: string | undefined): { words: string; tool?: string } {
  if (tool === "AskUserQuestion") return { words: "asks you in its terminal" };
  if (tool === "ExitPlanMode") return { words: "waits for you to approve its plan" };
  return tool === undefined
    ? { words: "waits for your permission" }
    : { words: "waits for your permission to use", tool };
}
