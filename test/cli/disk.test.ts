/** A full or read-only disk below the home: every command names the file, the reason and what to do. */
import { mkdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { failure, success } from "../support/cct.ts";
import { canMount, notRun } from "../support/not-run.ts";
import { newPerson } from "./person.ts";

const NAME = "a full or read-only disk is named with what to do";
const STATES = {
  full: 'mount -t tmpfs -o size=16k tmpfs "$0" && chmod 700 "$0" && mkdir -m 700 "$0/log" && dd if=/dev/zero of="$0/log/broker.log" bs=4k 2>/dev/null; exec "$@"',
  "read-only": 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"',
};

describe.skipIf(!canMount() && notRun(NAME, "needs Linux, root and mount namespaces"))(NAME, () => {
  test.each([
    ["full", "config", "set", "port", "8001"],
    ["full", "start"],
    ["read-only", "config", "set", "port", "8001"],
    ["read-only", "start"],
    ["read-only", "up"],
  ] as const)("%s: cct %s %s", async (state, ...words) => {
    const person = newPerson();
    mkdirSync(person.cctHome, { mode: 0o700 });
    // The home is complete, as it is when a disk fails later.
    success(await person.cct("config", "set", "max_hops", "9"));
    const said = failure(
      await person.cctWith(
        {
          env: { PATH: `${person.env.PATH}:/usr/sbin:/sbin` },
          within: (command) => [
            "unshare",
            "-m",
            "--propagation",
            "private",
            "sh",
            "-c",
            STATES[state],
            person.cctHome,
            ...command,
          ],
        },
        ...words.filter((word) => word !== undefined),
      ),
    );
    expect(said).toContain(person.cctHome);
    expect(said).toMatch(/ENOSPC|EROFS|Is the disk of .* full/);
    expect(said).toMatch(/Free some space|writable|disk has space|permission|--foreground/i);
  });
});
