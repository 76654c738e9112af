/** The tests start the program as users get it, so it must have been built. */
import { existsSync } from "node:fs";

export default function setup(): void {
  if (!existsSync(new URL("../../dist/bin.js", import.meta.url))) {
    throw new Error("dist/bin.js is missing. Run `npm run build` first, or `npm test`, which does it.");
  }
}
