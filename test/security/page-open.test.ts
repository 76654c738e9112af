/** `cct open`: the link reaches a browser, and nobody else. */
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { cct, success } from "../support/cct.ts";
import { cctHere } from "../support/cct-here.ts";
import { tempFolder } from "../support/folders.ts";
import { sendCode } from "../support/page.ts";
import { until } from "../support/wait.ts";

let broker: TestBroker;
beforeAll(async () => {
  broker = await startBroker();
});

describe("cct open", () => {
  const env = (more: Record<string, string> = {}) => ({
    HOME: join(broker.home, ".."),
    CCT_HOME: broker.home,
    ...more,
  });
  const linkIn = (text: string): string => /http:\/\/127\.0\.0\.1:\d+\/open#([0-9a-f]{32})/.exec(text)?.[1] ?? "";

  test("prints a link that logs in once, also as JSON", async () => {
    for (const words of [
      ["open", "--print"],
      ["page", "--json"],
    ]) {
      const code = linkIn(success(await cctHere(words, { env: env() })));
      expect((await sendCode(broker, code)).status).toBe(200);
      expect((await sendCode(broker, code)).status).toBe(401);
    }
  });

  test("prints the tunnel over ssh, and opens nothing there", async () => {
    const said = success(
      await cctHere(["open"], { env: env({ SSH_CONNECTION: "10.0.0.9 5 10.0.0.2 22", DISPLAY: ":0", PATH: "" }) }),
    );
    const { port } = new URL(broker.url);
    expect(said).toContain(`ssh -N -L ${port}:127.0.0.1:${port} `);
    expect(said).toContain("@10.0.0.2\n");
    expect(linkIn(said)).not.toBe("");
  });

  test.skipIf(process.platform !== "linux")(
    "hands the link to the browser in a file that only its user reads",
    async () => {
      const folder = tempFolder();
      const bin = join(folder, "bin");
      const seen = join(folder, "seen");
      mkdirSync(bin);
      writeFileSync(
        join(bin, "xdg-open"),
        `#!/bin/sh\nprintf '%s' "$*" > "${seen}.new" && mv "${seen}.new" "${seen}"\n`,
      );
      chmodSync(join(bin, "xdg-open"), 0o755);
      const said = success(
        await cctHere(["open"], { env: env({ DISPLAY: ":0", PATH: `${bin}:${process.env.PATH}` }) }),
      );
      expect(said).toMatch(/opens/);
      expect(linkIn(said)).toBe("");
      await until("the browser to be started", () => existsSync(seen));
      const argument = readFileSync(seen, "utf8");
      expect(argument).toBe(join(broker.home, "open.html"));
      expect(statSync(argument).mode & 0o777).toBe(0o600);
      const code = linkIn(readFileSync(argument, "utf8"));
      expect((await sendCode(broker, code)).status).toBe(200);
    },
  );

  test.skipIf(process.platform !== "linux")(
    "prints the link when the browser cannot be opened, also as a program that waits for nothing else",
    async () => {
      const bin = tempFolder();
      writeFileSync(join(bin, "xdg-open"), "#!/bin/sh\nsleep 0.2\nexit 3\n");
      chmodSync(join(bin, "xdg-open"), 0o755);
      const path = `${bin}:${process.env.PATH}`;
      const run = await cct(["open"], { env: env({ DISPLAY: ":0", PATH: path }) });
      expect(linkIn(success(run))).not.toBe("");
    },
  );
});
