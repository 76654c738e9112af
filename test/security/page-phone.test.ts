/** `cct open --phone`: a code to point a camera at, the fingerprint to compare, and what is missing when it cannot work. */
import { join } from "node:path";
import { decodeQR } from "qr/decode.js";
import { describe, expect, test } from "vitest";
import { ownAddresses } from "../../src/platform/addresses.ts";
import { formatFingerprint } from "../../src/rules/devices.ts";
import { ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { failure, success } from "../support/cct.ts";
import { cctHere } from "../support/cct-here.ts";
import { notRun } from "../support/not-run.ts";

const [address] = ownAddresses(["IPv4"]);
const isAlone = address === undefined && notRun("a phone's QR code", "this machine has no address but loopback");

const open = (broker: TestBroker, ...words: string[]) =>
  cctHere(["open", "--phone", ...words], { env: { HOME: join(broker.home, ".."), CCT_HOME: broker.home } });

const SCALE = 4;

/** What a camera sees: light where the terminal draws. */
function picture(code: string) {
  const lines = code.split("\n");
  const [width, height] = [(lines[0] ?? "").length, lines.length * 2];
  const data = new Uint8Array(width * height * SCALE * SCALE * 4);
  for (let y = 0; y < height * SCALE; y++)
    for (let x = 0; x < width * SCALE; x++) {
      const row = Math.floor(y / SCALE);
      const drawn = lines[row >> 1]?.[Math.floor(x / SCALE)] ?? " ";
      const isLight = drawn === "█" || drawn === (row % 2 === 0 ? "▀" : "▄");
      data.set([...Array.from({ length: 3 }, () => (isLight ? 255 : 0)), 255], (y * width * SCALE + x) * 4);
    }
  return { width: width * SCALE, height: height * SCALE, data };
}

describe.skipIf(isAlone)("cct open --phone", () => {
  test("shows a QR code of the link at the network's address, and the fingerprint of the certificate", async () => {
    const broker = await startBroker({ env: { CCT_HOST: "0.0.0.0", CCT_PAGE_ON_NETWORK: "true" } });
    const said = success(await open(broker));
    const code = said.split("\n").filter((line) => /^[ ▀▄█]+$/.test(line));
    const { port } = new URL(broker.url);
    const link = decodeQR(picture(code.join("\n")));
    expect(link).toMatch(new RegExp(`^https://${address}:${port}/open#[0-9a-f]{32}$`));
    expect(said).not.toContain(link);
    const { fingerprint, url } = JSON.parse(success(await open(broker, "--json")));
    expect(said).toContain(formatFingerprint(fingerprint));
    expect(url).toMatch(new RegExp(`^https://${address}:${port}/open#`));
    expect(success(await open(broker, "--print", "--address", String(address)))).toContain(`//${address}:${port}/`);
    expect(failure(await open(broker, "--address", "192.0.2.1"))).toContain(String(address));
    expect((await ok(broker, "list_browsers", {})).browsers).toEqual([]);
  });

  test.each([
    ["to this machine only", {}, /this machine only/],
    ["without TLS", { CCT_HOST: "0.0.0.0", CCT_PLAIN_HTTP: "true", CCT_PAGE_ON_NETWORK: "true" }, /without TLS/],
    ["without the page", { CCT_HOST: "0.0.0.0" }, /not open to other machines/],
  ])("says how to open it when the broker is open %s", async (_how, env, why) => {
    const broker = await startBroker({ env });
    const said = failure(await open(broker));
    expect(said).toMatch(why);
    expect(said).toContain("cct config set page_on_network true, then cct lan-start");
  });
});
