import { describe, expect, test } from "vitest";
import { connectionOptions, databaseName, patienceOf } from "../../src/store/drivers/postgres-url.ts";

describe("a database's URL", () => {
  test.each([
    ["postgres://u:p@db.example/cct", {}],
    ["postgres://u:p@10.1.2.3:6432/cct", {}],
    ["postgres://u:p@db.example/cct?sslmode=verify-full", {}],
    ["postgres://u:p@db.example/cct?sslmode=disable", false],
    ["postgres://u:p@localhost/cct", undefined],
    ["postgres://u:p@127.0.0.1/cct", undefined],
    ["postgres:///cct?host=/run/postgresql", undefined],
  ])("%s uses TLS to other machines unless the URL says otherwise", (url, ssl) => {
    expect(connectionOptions(url).ssl).toEqual(ssl);
  });

  test.each([
    ["", { connectMs: 3_000, statementMs: 5_000 }],
    ["?connect_timeout=10&statement_timeout=20000", { connectMs: 10_000, statementMs: 20_000 }],
    ["?connect_timeout=0&statement_timeout=soon", { connectMs: 3_000, statementMs: 5_000 }],
  ])("with %j says how long the database may take", (options, patience) => {
    const url = `postgres://u:p@db.example/cct${options}`;
    expect(patienceOf(url)).toEqual(patience);
    expect(connectionOptions(url)).not.toHaveProperty("statement_timeout");
  });

  test("is displayed without user, password and options", () => {
    const shown = databaseName("postgres://u:s3cret@db.example:6432/cct?sslmode=verify-full");
    expect(shown).toBe("postgres db.example:6432/cct");
  });
});
