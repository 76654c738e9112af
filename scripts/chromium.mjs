// The Chromium for the tests of the page.
import { existsSync } from "node:fs";
import { need } from "./debian.mjs";

need({
  name: "chromium",
  tests: "the page in a browser",
  isThere: () => process.env.CCT_TEST_CHROMIUM !== undefined || existsSync("/usr/bin/chromium"),
});
