/** CCT's part of Codex's `config.toml`: what others wrote, before and after it, stays to the byte. */
import { expect, test } from "vitest";
import { isInConfig, isTrusted, withoutPart, withPart } from "../../src/host/codex-config.ts";

const PATH = "/home/ann/.codex/config.toml";
const part = {
  server: ["/usr/bin/node", "/opt/cct/dist/bin.js", "mcp"] as const,
  hooks: ["PreToolUse", "Stop"].map((event) => ({ event, input: { event }, timeout: 10 })),
};
const install = (text: string | undefined, trust = false, wanted = part) => withPart(PATH, text, wanted, trust);
const remove = (text: string) => withoutPart(PATH, text, part);

const USERS = 'model = "x"\n\n[projects."/work"]\ntrust_level = "trusted"\n';
const HOOK = '\n[[hooks.Stop]]\n[[hooks.Stop.hooks]]\ntype = "command"\ncommand = "true"\n';

test.each([undefined, "", USERS, USERS.trimEnd(), `${USERS}\n\n`, USERS + HOOK])(
  "uninstall restores the file before: %j",
  (before) => {
    for (const trust of [false, true]) {
      const installed = install(before, trust);
      expect(isInConfig(installed)).toBe(true);
      expect(isTrusted(PATH, installed, part)).toBe(trust);
      expect(install(installed)).toBe(installed);
      expect(remove(installed)).toBe(before);
    }
  },
);

test("a hook's place is counted through the file", () => {
  expect(install(USERS + HOOK, true)).toContain(`[hooks.state."${PATH}:stop:1:0"]`);
  expect(install(USERS, true)).toContain(`[hooks.state."${PATH}:stop:0:0"]`);
});

test("what Codex wrote into our part, and after it, stays", () => {
  const project = '\n[projects."/new"]\ntrust_level = "trusted"\n';
  const installed = install(USERS, true);
  const inside = installed.replace("\n# <<< cct\n", `${project}# <<< cct\n`);
  expect(remove(inside)).toBe(USERS + project.slice(1));
  expect(remove(installed + project)).toBe(USERS + project);
  expect(remove(install(inside))).toBe(USERS + project.slice(1));
});

test("what Codex wrote of our hooks and tools goes, also outside of our part", () => {
  const installed = install(USERS);
  const allowed = '[mcp_servers.cct.tools.cct_list_peers]\napproval_mode = "approve"\n';
  const asked = `[hooks.state."${PATH}:stop:0:0"]\ntrusted_hash = "sha256:0"\n`;
  expect(remove(installed.replace("# <<< cct\n", `${allowed}# <<< cct\n`) + asked)).toBe(USERS);
});

test("trust is kept for hooks that stay the same, and for no others", () => {
  const trusted = install(USERS, true);
  const changed = { ...part, hooks: part.hooks.map((hook) => ({ ...hook, timeout: hook.event === "Stop" ? 5 : 10 })) };
  const updated = install(trusted, false, changed);
  expect(isTrusted(PATH, updated, changed)).toBe(false);
  expect(updated.match(/trusted_hash/g)).toHaveLength(1);
});

test.each(['[mcp_servers.cct]\ncommand = "x"\n', "[hooks]\nStop = []\n", "hooks = {}\n"])(
  "what would clash is refused: %j",
  (text) => {
    expect(() => install(text)).toThrow(/is not CCT's|that is not/);
  },
);
