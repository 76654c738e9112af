// The model checker for the delivery protocol.
import { spawnSync } from "node:child_process";
import { need } from "./debian.mjs";

const runs = (command, ...args) => spawnSync(command, args).status === 0;
const tests = "the model of the delivery protocol";

need({ name: "spin", tests, isThere: () => runs("spin", "-V") });
need({ name: "gcc", tests, isThere: () => runs("gcc", "--version") });
need({
  name: "libc6-dev",
  tests,
  isThere: () => process.platform !== "linux" || runs("sh", "-c", "echo '#include <stdio.h>' | gcc -E - >/dev/null"),
});
