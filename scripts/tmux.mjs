// The terminals for the tests of `cct watch`.
import { spawnSync } from "node:child_process";
import { need } from "./debian.mjs";

need({
  name: "tmux",
  tests: "cct watch in a terminal",
  isThere: () => spawnSync("tmux", ["-V"]).status === 0,
});
