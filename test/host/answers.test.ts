/** The answers of the tools, as the model of the real host reads them. */
import { expect } from "vitest";
import { toolResults } from "./requests.ts";
import { cct, say, use } from "./script.ts";
import type { Session } from "./session.ts";
import { hostTest, onStage, stage } from "./stage.ts";

let a: Session;

onStage(async (stage) => {
  a = await stage.start("a");
  await stage.start("b");
});

hostTest("are lines, and what hosts and models write for an input is understood", async () => {
  await stage().registered("b");
  await a.play(
    use(cct("list_peers")),
    use(cct("send_message", { to: "b", text: "hello", expires_in_seconds: "60", summary: "a greeting", reply_to: "" })),
    say("done"),
  );
  await a.turnOver();
  const [peers, sent] = toolResults(a.last()).slice(-2);
  expect(peers?.text).toMatch(/^you: a \([0-9a-f]{4}[^)]*\) · .*\nb \([0-9a-f]{4}[^)]*\) · idle/);
  expect(sent).toMatchObject({ failed: false });
  expect(sent?.text).toMatch(/^queued for b: .+ · [0-9a-f]{8}\n\(cct_send_message has no field summary: ignored\)$/);
});
