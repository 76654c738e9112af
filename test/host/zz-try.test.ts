import { expect, test } from "vitest";
import { openStage } from "./harness.ts";
import { findNeeds } from "./needs.ts";
import { placeOf } from "./requests.ts";
test("try", async () => {
  const needs = findNeeds();
  if (typeof needs === "string") throw new Error(needs);
  const t0 = Date.now();
  const stage = await openStage(needs);
  try {
    console.log("stage", Date.now() - t0);
    const [a, b] = await Promise.all([stage.start("a"), stage.start("b")]);
    console.log("sessions", Date.now() - t0);
    console.log(await a.screen());
    const r = await a.send({ to: "b", text: "hello banana77" });
    console.log("sent", Date.now() - t0, r);
    const g = await b.given("banana77");
    console.log("given", Date.now() - t0, placeOf(g, "banana77"));
    await b.turnOver();
    console.log(await b.history());
    console.log(JSON.stringify(await stage.becomes("hello banana77", "read")));
    console.log("read", Date.now() - t0);
  } finally {
    await stage.close();
  }
  expect(1).toBe(1);
}, 120_000);
