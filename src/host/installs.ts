/** The hosts besides Claude Code that CCT installs itself into. */
import type { World } from "../platform/world.ts";
import type { FileChange } from "./files.ts";
import { qwenInstall } from "./qwen.ts";

export interface HostInstall {
  /** As `--host` takes it. */
  name: string;
  /** For people. */
  title: string;
  /** Versions that were tried, the newest last. Newer ones are treated like it. */
  tried: readonly [string, ...string[]];
  /** Where CCT lies. */
  folder(world: World): string;
  /** What of the host is on this machine; `undefined`: nothing. Without a version: one that does not say. */
  found(world: World): { version?: string } | undefined;
  isInstalled(world: World): boolean;
  /** The changes that install CCT, or bring it up to date. Throws `conflict` where something else lies. */
  plan(world: World): FileChange[];
  /** The changes that remove it. */
  planRemoval(world: World): FileChange[];
  /** Returns how many files it changed. */
  install(world: World): number;
  uninstall(world: World): number;
}

export const otherInstalls: readonly HostInstall[] = [qwenInstall];

/** The default of `--host`. */
export const CLAUDE = "claude";
export const hostNames = [CLAUDE, ...otherInstalls.map(({ name }) => name)];
