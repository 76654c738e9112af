/** `cct peers forget` and `cct peers merge`: of a peer that is removed nothing stays in this home, either. */
import { rmSync } from "node:fs";
import type { OutputOf } from "../../operations/index.ts";
import { paths } from "../../platform/home.ts";
import { type Call, print, type Special } from "./call.ts";

type Removing = "forget_peer" | "merge_peers";

function removing<N extends Removing>(name: N, goneOf: (output: OutputOf<N>) => string): Special {
  return {
    options: () => [],
    worksOffline: () => false,
    async run(call: Call) {
      const { client, input, me, config } = call;
      const output = await client.callAny(name, input, me);
      // Its secret. No session can become it again.
      rmSync(paths(config.home).peer(goneOf(output)), { force: true });
      print(call, name, output);
    },
  };
}

export const forgetCommand = removing("forget_peer", ({ peer_id }) => peer_id);
export const mergeCommand = removing("merge_peers", ({ from_peer_id }) => from_peer_id);
