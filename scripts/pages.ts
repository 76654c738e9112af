/** Every file that is generated from tables in src/ and checked in, by its path. */
import { hostsPage } from "../src/host/matrix.ts";
import { reference } from "../src/operations/surface/reference.ts";
import { surface } from "../src/operations/surface/surface.ts";

export function pages(): Record<string, string> {
  const entries = surface();
  return {
    "src/operations/surface/surface.json": `${JSON.stringify(entries, null, 2)}\n`,
    "docs/reference.md": reference(entries),
    "docs/hosts.md": hostsPage(),
  };
}
