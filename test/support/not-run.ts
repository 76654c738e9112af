/**
 * Tests that this machine cannot run. They are never passed over in silence: each is written to the file that
 * `CCT_NOT_RUN` names, and the test script lists them at its end.
 *
 *     test.skipIf(!canMount() && notRun("a full disk …", "no mount namespaces"))("a full disk …", …)
 */
import { execFileSync } from "node:child_process";
import { appendFileSync } from "node:fs";

/** Records that the test `name` is not run, and why. Always `true`. */
export function notRun(name: string, why: string): true {
  const file = process.env.CCT_NOT_RUN;
  if (file) appendFileSync(file, `${name}: ${why}\n`);
  return true;
}

export const isRoot = process.getuid?.() === 0;

let mountable: boolean | undefined;

/** Whether a process may be given a mount of its own here (Linux, as root, outside of tight containers). */
export function canMount(): boolean {
  mountable ??= tryMount();
  return mountable;
}

let traceable: boolean | undefined;

/** Whether strace may look at processes here. */
export function canTrace(): boolean {
  traceable ??= tryTrace();
  return traceable;
}

function tryTrace(): boolean {
  try {
    execFileSync("strace", ["-f", "-o", "/dev/null", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function tryMount(): boolean {
  if (process.platform !== "linux" || !isRoot) return false;
  try {
    execFileSync("unshare", ["-m", "--propagation", "private", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], {
      stdio: "ignore",
    });
    return true;
  } catch {
    return false;
  }
}

/** A command line that runs `command` with a file system of `size` of its own at `folder`, seen by nobody else. */
export function withOwnDisk(folder: string, size: string, command: readonly string[]): [string, string[]] {
  const script = 'mount -t tmpfs -o size="$1" tmpfs "$0" && shift && exec "$@"';
  return ["unshare", ["-m", "--propagation", "private", "sh", "-c", script, folder, size, ...command]];
}

/** A command line that runs `command` where names are found in the file `hosts`, seen by nobody else. */
export function withHosts(hosts: string, command: readonly string[]): [string, string[]] {
  const script = 'mount --bind "$0" /etc/hosts && exec "$@"';
  return ["unshare", ["-m", "--propagation", "private", "sh", "-c", script, hosts, ...command]];
}
