/** How CCT is installed into a host besides Claude Code. */
import type { World } from "../platform/world.ts";
import type { FileChange } from "./files.ts";

interface OtherOptions {
  statusLine?: boolean;
  /** The user has just said that the host may run CCT's hooks. */
  trust?: boolean;
}

/** Of a host that runs a hook only when its user trusts it. */
interface HookTrust {
  /** Two lines for the user who is asked. */
  about: readonly [string, string];
  isGiven(world: World): boolean;
  /** What to say while it is not. */
  missing: string;
}

export interface HostInstall {
  /** As `--host` takes it. */
  name: string;
  /** For people. */
  title: string;
  /** Versions that were tried, the newest last. Newer ones are treated like it. */
  tried: readonly [string, ...string[]];
  hookTrust?: HookTrust;
  /** What its sessions cannot do, for `cct doctor`. */
  limit?: string;
  /** Where CCT lies. */
  folder(world: World): string;
  /** What of the host is on this machine; `undefined`: nothing. Without a version: one that does not say. */
  found(world: World): { version?: string } | undefined;
  isInstalled(world: World): boolean;
  /** The changes that install CCT, or bring it up to date. Without options: as before. Throws `conflict` where something else lies. */
  plan(world: World, options?: OtherOptions): FileChange[];
  /** The changes that remove it. */
  planRemoval(world: World): FileChange[];
  /** Returns how many files it changed. */
  install(world: World, options?: OtherOptions): number;
  uninstall(world: World): number;
}
