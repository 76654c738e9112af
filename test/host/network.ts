/**
 * A network namespace with nothing but its loopback: programs in it reach nothing outside, and all its ports are free. They
 * end with it, even if the process that created it is killed.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Machine } from "./needs.ts";

export interface Network {
  /** A process in it that stays, so that others can name the network. */
  pid: number;
  /** The command line that runs `command` in this network. */
  within(command: readonly string[]): [string, string[]];
  /** Ends everything in it. */
  close(): Promise<void>;
}

/** Holds the network until its input ends, then ends each process that is in it, by its pid. */
const KEEPER = `
ip link set lo up || exit 1
echo up
while read -r _; do :; done
for round in 1 2 3; do
  for process in /proc/[0-9]*; do
    pid=\${process#/proc/}
    [[ $pid != $$ && $process/ns/net -ef /proc/$$/ns/net ]] && kill -9 "$pid"
  done
done 2>/dev/null
exit 0
`;

export async function openNetwork(needs: Machine): Promise<Network> {
  const [unshare = "", ...options] = needs.unshare;
  const keeper = spawn(unshare, [...options, "bash", "-c", KEEPER], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(keeper, "exit");
  await Promise.race([
    once(keeper.stdout, "data"),
    ended.then(() => {
      throw new Error("the network namespace could not be made");
    }),
  ]);
  const { pid = 0 } = keeper;
  return {
    pid,
    within: (command) => ["nsenter", [...needs.nsenter, "-t", String(pid), "--", ...command]],
    async close() {
      keeper.stdin.end();
      await ended;
    },
  };
}
