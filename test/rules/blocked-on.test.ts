import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { askedIn, mayHoldSecret } from "../../src/rules/blocked-on.ts";
import { waitsFor } from "../../src/rules/waits-for.ts";

/** What a host gives its hook. */
const json = (tool_name: string, tool_input: unknown): string =>
  JSON.stringify({
    cwd: "/proj",
    effort: { level: "medium" },
    hook_event_name: "PermissionRequest",
    tool_name,
    tool_input,
    permission_suggestions: [{ type: "addRules", rules: [{ toolName: "Bash", ruleContent: "x" }] }],
  });

describe("what a tool would do", () => {
  test.each<[string, unknown, string | undefined]>([
    ["Bash", { description: "tests", command: 'echo "a\\b"\n\tls' }, 'echo "a\\b"\n\tls'],
    ["Write", { content: "x".repeat(9), file_path: "/a/b" }, "/a/b"],
    ["Edit", { replace_all: false, limit: -1.5, file_path: "/a" }, "/a"],
    ["WebFetch", { url: "https://example.com/x", prompt: "what" }, "https://example.com/x"],
    ["AskUserQuestion", { questions: [{ question: "Which?", options: [{ description: "no" }] }] }, "Which?"],
    ["mcp__a__b", { n: 1, path: "/p" }, "/p"],
    ["ExitPlanMode", { plan: "do it" }, undefined],
    ["Task", {}, undefined],
  ])("of %s", (tool, input, text) => expect(askedIn(json(tool, input))).toEqual({ tool, text }));

  test("is the beginning of it where the text was cut off, whatever stands in it", () => {
    const command = fc.string({ unit: "binary", minLength: 1 });
    fc.assert(
      fc.property(command, fc.nat(), (command, at) => {
        const whole = json("Bash", { command, description: "d" });
        const cut = askedIn(whole.slice(0, at % whole.length));
        expect(command.startsWith(cut?.text?.replace(/\ufffd$/, "") ?? "")).toBe(true);
        expect(askedIn(whole)).toEqual({ tool: "Bash", text: command });
      }),
      { numRuns: 200 },
    );
  });

  test("is not known where the host says nothing, or names no tool", () => {
    for (const text of ["", "open", "{", json("a b", {}), json("", {}), '"tool_input":{"command":"x"}'])
      expect(askedIn(text)).toBe(undefined);
  });
});

test("commands that may contain a secret", () => {
  const secret = [
    "curl -H 'Authorization: Bearer abc' x",
    "curl -H 'X-Api-Key: abc' x",
    "PGPASSWORD=hunter2 psql",
    "deploy --token abc",
    "deploy --client-secret=abc",
    "curl -u ann:abc https://example.com/x",
    "curl -su 'ann:abc' https://example.com/x",
    "curl --user=ann:abc https://example.com/x",
    'curl --user "$NAME:abc" https://example.com/x',
    "git push https://ann:abc@example.com/x",
    "echo '-----BEGIN RSA PRIVATE KEY-----",
    'printf \'{"password": "x"}\'',
  ];
  const none = [
    "npm test",
    "deploy --token $TOKEN",
    'curl -H "Authorization: Bearer $TOKEN" https://example.com:8080/x',
    "git commit -m 'fix token handling'",
    "cat secrets/README.md",
    "ssh ann@example.com",
    'curl -u "ann:$PASSWORD" https://example.com/x',
    "curl -u ann https://example.com:8080/x",
    "docker run -u 1000:1000 alpine id",
    "git push -u origin main:main",
    "pip install --user git+https://example.com/x",
  ];
  expect(secret.filter((text) => !mayHoldSecret(text))).toEqual([]);
  expect(none.filter(mayHoldSecret)).toEqual([]);
});

test("in words", () => {
  expect(waitsFor("Bash")).toEqual({ words: "waits for your permission to use", tool: "Bash" });
  expect(waitsFor("AskUserQuestion")).toEqual({ words: "asks you in its terminal" });
  expect(waitsFor(undefined)).toEqual({ words: "waits for your permission" });
});
