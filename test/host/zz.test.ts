import { test } from "vitest";
import { openStage } from "./harness.ts";
import { findNeeds } from "./needs.ts";
import { timesIn } from "./requests.ts";
import { bash, say, use } from "./script.ts";
import { pause } from "./wait.ts";
test("stress", async () => {
  const needs = findNeeds(); if (typeof needs === "string") throw new Error(needs);
  const stage = await openStage(needs);
  try {
    const b = await stage.start("b");
    const words: string[] = [];
    for (let i = 0; i < 40; i++) {
      const word = `w${i}q${Math.random().toString(36).slice(2)}`;
      const d = Math.random() * 1500;
      const sending = pause(d).then(() => stage.cct("send", "b", word));
      await b.play(use(bash("echo x")), say("done"));
      const s = await sending;
      const g = await b.given(word, 30);
      await b.turnOver();
      const m = await stage.becomes(word, "read").catch((e) => String(e));
      const mm = typeof m === "string" ? undefined : m;
      console.log(i, Math.round(d), "given after", g.at - (mm?.sent_at ?? s.answeredAt), "times", timesIn(b.last(), word), typeof m === "string" ? m : JSON.stringify(m.recipients[0]));
      words.push(word);
    }
    console.log("bad:", words.filter((w) => timesIn(b.last(), w) !== 1).length);
    const conv = b.conversationId();
    await b.exit();
    const w = "resumedword";
    await stage.cct("send", "b", w);
    const t = Date.now();
    const r = await stage.start("r", { env: { CCT_NAME: "" }, args: ["--resume", conv] });
    const t2 = Date.now();
    const g = await r.given(w, 30);
    console.log("resume: ready after", t2 - t, "given after", g.at - t);
  } finally { await stage.close(); }
}, 300_000);
