/** What only sessions of other hosts than Claude Code need: a file of its own, so that the others do not load it. */
export { hostNamed } from "../hosts/index.ts";
export { createWaker } from "./waker.ts";
