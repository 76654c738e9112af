import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkHealthPath, checkWord, placeKey, placeOf } from "../../src/rules/service-place.ts";
import { hostileText } from "../support/hostile.ts";
import { thrownBy } from "../support/thrown.ts";

const key = (url: string, machine = "here"): string => placeKey(placeOf(url, machine));

describe("the place of a service", () => {
  const itself = fc.constantFrom(
    "localhost",
    "LocalHost",
    "localhost.",
    "app.localhost",
    "127.0.0.1",
    "127.1",
    "127.255.0.9",
    "2130706433",
    "0x7f.0.0.1",
    "0.0.0.0",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:0.0.0.0]",
  );
  const scheme = fc.constantFrom("http", "https", "ws", "wss", "tcp", "HTTP", "postgres");
  const tail = fc.constantFrom("", "/", "/a/b?c=d#e", "?q=a@b");
  const port = fc.integer({ min: 1, max: 65535 });

  test("is the same for every notation of the machine itself", () => {
    fc.assert(
      fc.property(scheme, itself, port, tail, (how, host, number, rest) => {
        expect(key(`${how}://${host}:${number}${rest}`, "Box")).toBe(`box:${number}`);
      }),
    );
  });

  test("differs by machine, unless the url names a host", () => {
    fc.assert(
      fc.property(scheme, itself, port, (how, host, number) => {
        const [here, there] = ["here", "there"].map((machine) => key(`${how}://${host}:${number}`, machine));
        expect(here).not.toBe(there);
      }),
    );
    expect(key("http://db.example:80", "here")).toBe(key("tcp://DB.example.:80/x", "there"));
  });

  test("with the machine's own name is the same as with localhost", () => {
    expect(key("http://box:5173", "elsewhere")).toBe(key("http://localhost:5173", "Box"));
  });

  test.each([
    ["http://x", "x:80"],
    ["https://x/", "x:443"],
    ["ws://x", "x:80"],
    ["wss://x", "x:443"],
    ["http://x:80", "x:80"],
    ["tcp://x:80", "x:80"],
    ["postgres://x/db", "x:5432"],
    ["redis://x", "x:6379"],
    ["http://[2001:DB8::1]:8080", "[2001:db8::1]:8080"],
    ["tcp://[2001:db8:0::1]:8080", "[2001:db8::1]:8080"],
    ["tcp://[::ffff:192.168.0.1]:1", "192.168.0.1:1"],
    ["tcp://192.168.1:1", "192.168.0.1:1"],
  ])("%s is at %s", (url, place) => {
    expect(key(url)).toBe(place);
  });

  test.each([
    ["", /form/],
    ["localhost:5173", /form/],
    ["//localhost:5173", /form/],
    ["http:localhost:5173", /form/],
    ["http:///localhost:5173", /form/],
    ["http://", /form/],
    ["tcp://?x", /form/],
    ["http://local host", /form/],
    [" http://localhost", /form/],
    ["http://localhost\n", /form/],
    ["http://localhost/\u202e", /form/],
    ["http://löcal:1", /form/],
    ["http:\\\\localhost\\@evil", /form/],
    ["http://localhost:65536", /form/],
    ["http://localhost:x", /form/],
    ["http://[::1", /form/],
    ["http://256.1.1.1:1", /form/],
    ["tcp://256.1.1.1:1", /host/],
    ["http://localhost:0", /port/],
    ["tcp://localhost", /port/],
    ["tcp://localhost:0", /port/],
    ["http://ann:secret@localhost:1", /password/],
    ["http://ann@localhost:1", /password/],
    ["http://@localhost:1", /password/],
    ["tcp://:secret@localhost:1", /password/],
    ["postgres://ann:secret@db/x", /password/],
    ["javascript://localhost:1/x", /scheme/],
    ["file://localhost/etc/passwd", /scheme/],
    ["constructor://localhost:1", /scheme/],
  ])("%j is rejected", (url, says) => {
    const error = thrownBy(() => placeOf(url, "here"));
    expect(error).toMatchObject({ code: "bad_request" });
    expect(error.message).toMatch(says);
    expect(error.line).not.toContain("secret");
  });

  test("of any text is a host and a port, or a bad_request", () => {
    const text = fc.oneof(
      hostileText,
      fc.webUrl({ withQueryParameters: true }),
      fc.tuple(scheme, hostileText).map(([how, rest]) => `${how}://${rest}`),
      fc.tuple(scheme, fc.string({ maxLength: 12 }), fc.string({ maxLength: 6 })).map((all) => all.join("://")),
    );
    fc.assert(
      fc.property(text, (url) => {
        let place: string;
        try {
          place = key(url);
        } catch (error) {
          expect(error).toMatchObject({ name: "CctError", code: "bad_request" });
          return;
        }
        expect(place).toMatch(/^[\x21-\x7e]+:\d{1,5}$/);
        expect(key(new URL(url).href)).toBe(place);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("a health path", () => {
  test.each(["/", "/health", "/a/b?c=d&e=%20"])("%s", (path) => {
    expect(() => checkHealthPath("https://x", path)).not.toThrow();
  });

  test.each(["", "health", "//evil.example/", "http://evil.example/", "/a b", "/a\r\nx: y", "/ä", "/#x", "/\\evil"])(
    "rejects %j",
    (path) => {
      expect(thrownBy(() => checkHealthPath("http://x", path)).code).toBe("bad_request");
    },
  );

  test("needs an http or https url", () => {
    for (const url of ["tcp://x:1", "ws://x", "httpx://x:1"]) {
      expect(thrownBy(() => checkHealthPath(url, "/health")).code).toBe("bad_request");
    }
  });
});

describe("a kind or name", () => {
  test.each(["a", "Browser", "web-2", "a.b_c", "x".repeat(32)])("%j", (word) => {
    expect(() => checkWord("kind", word)).not.toThrow();
    expect(() => checkWord("name", word)).not.toThrow();
  });

  test.each(["", "-a", "a-", "a b", "a/b", "@a", "ä", "a\n", "a\u200b", "x".repeat(41)])("never %j", (word) => {
    expect(thrownBy(() => checkWord("kind", word)).code).toBe("bad_request");
    expect(thrownBy(() => checkWord("name", word)).code).toBe("bad_request");
  });

  test("a kind is shorter than a name", () => {
    expect(() => checkWord("name", "x".repeat(40))).not.toThrow();
    expect(thrownBy(() => checkWord("kind", "x".repeat(33))).code).toBe("bad_request");
  });
});
