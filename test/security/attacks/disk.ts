/**
 * A disk that forgets what was not flushed. strace records what a process does to its files; from the record, the files are
 * rebuilt as a power cut at any call could have left them.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

const CALLS =
  "openat,pwrite64,write,ftruncate,fsync,fdatasync,unlink,rename,renameat,renameat2,pwritev,pwritev2,writev,truncate,creat,open,unlinkat";
const SECTOR = 512;

/** Wraps a command line so that everything it does to these files of `folder` is written to `record`. It keeps its process id. */
export const recording =
  (record: string, folder: string, files: readonly string[]) =>
  (command: readonly string[]): [string, string[]] => {
    const paths = [folder, ...files.map((name) => join(folder, name))].flatMap((path) => ["-P", path]);
    const how = ["-D", "-f", "--seccomp-bpf", "-y", "-ttt", "-xx", "-s", "200000", "-o", record];
    return ["strace", [...how, "-e", `trace=${CALLS}`, ...paths, ...command]];
  };

export interface Event {
  /** When the call began, in milliseconds since 1970. */
  at: number;
  /** The name of the file; "" for the folder. */
  file: string;
  what:
    | { kind: "make" }
    | { kind: "write"; from: number | undefined; data: Buffer }
    | { kind: "truncate"; to: number }
    | { kind: "remove" }
    | { kind: "flush" };
}

/** Reads the record: the successful calls, in the order in which they began. */
export function eventsIn(record: string, folder: string): Event[] {
  const begun = new Map<string, { text: string; slot: number }>();
  const events: (Event | undefined)[] = [];
  for (const line of readFileSync(record, "latin1").split("\n")) {
    const [, pid = "", at, rest = ""] = line.match(/^(\d+) +([\d.]+) (.*)$/) ?? [];
    const resumed = rest.match(/^<\.\.\. \w+ resumed>(.*)$/);
    const first = resumed ? begun.get(pid) : undefined;
    const slot = first?.slot ?? events.push(undefined) - 1;
    const text = first ? first.text + resumed?.[1] : rest;
    if (text.endsWith("<unfinished ...>")) begun.set(pid, { text: `${at} ${text.slice(0, -16)}`, slot });
    else events[slot] = eventOf(first ? text : `${at} ${text}`, folder);
  }
  return events.filter((event) => event !== undefined);
}

function eventOf(line: string, folder: string): Event | undefined {
  const [, at, name, call = "", result] = line.match(/^([\d.]+) (\w+)\((.*)\) += (-?\d+)/) ?? [];
  if (name === undefined || Number(result) < 0) return undefined;
  const [target = "", ...strings] = [...call.matchAll(/<((?:\\x..)+)>|"((?:\\x..)*)"/g)].map(
    (one) => one[1] ?? one[2] ?? "",
  );
  const path = bytes(name === "openat" ? (strings[0] ?? "") : target).toString();
  const event = { at: Number(at) * 1000, file: path === folder ? "" : basename(path) };
  const last = Number(call.match(/, (\d+)$/)?.[1]);
  switch (name) {
    case "openat":
      if (call.includes("O_TRUNC")) return { ...event, what: { kind: "truncate", to: 0 } };
      return call.includes("O_CREAT") ? { ...event, what: { kind: "make" } } : undefined;
    case "pwrite64":
      return { ...event, what: { kind: "write", from: last, data: bytes(strings[0] ?? "") } };
    case "write":
      return { ...event, what: { kind: "write", from: undefined, data: bytes(strings[0] ?? "") } };
    case "ftruncate":
      return { ...event, what: { kind: "truncate", to: last } };
    case "unlink":
      return { ...event, what: { kind: "remove" } };
    case "fsync":
    case "fdatasync":
      return { ...event, what: { kind: "flush" } };
    default:
      throw new Error(`a call that this disk does not know: ${name}`);
  }
}

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll("\\x", ""), "hex");

/** What became of the changes that were not flushed: none is there, all are, or some sectors of some. */
export type Unflushed = "none" | "all" | "some";

/** Writes the files into `folder` as a power cut before `events[cut]` could have left them. */
export function leaveFiles(
  events: readonly Event[],
  cut: number,
  unflushed: Unflushed,
  random: () => number,
  folder: string,
): void {
  const past = events.slice(0, cut);
  const survives = (): boolean => unflushed === "all" || (unflushed === "some" && random() < 0.5);
  for (const file of new Set(past.map((event) => event.file).filter((name) => name !== ""))) {
    const flushed = past.findLastIndex((event) => event.file === file && event.what.kind === "flush");
    // That it is there is known once it was flushed, that it is gone once its folder was.
    const folderFlushed = past.findLastIndex((event) => event.file === "" && event.what.kind === "flush");
    let content: Buffer | undefined;
    for (const [i, { file: name, what }] of past.entries()) {
      if (name !== file || what.kind === "flush") continue;
      const isSafe = i < flushed || (what.kind === "remove" && i < folderFlushed);
      if (!isSafe && !survives()) continue;
      if (what.kind === "remove") content = undefined;
      else if (what.kind === "truncate") content = sized(content, what.to);
      else if (what.kind === "make") content ??= sized(undefined, 0);
      else content = written(content, what.from, what.data, isSafe || unflushed !== "some" ? () => true : survives);
    }
    if (content) writeFileSync(join(folder, file), content, { mode: 0o600 });
  }
}

/** Files grow by small writes, so a buffer is made with room for twice as much. */
function sized(before: Buffer | undefined, size: number): Buffer {
  if (before && size <= before.buffer.byteLength) {
    const after = Buffer.from(before.buffer, 0, size);
    return after.fill(0, Math.min(before.length, size));
  }
  const after = Buffer.from(new ArrayBuffer(2 * size), 0, size);
  before?.copy(after);
  return after;
}

/** `survives` is asked for each sector. */
function written(
  before: Buffer | undefined,
  from = before?.length ?? 0,
  data: Buffer,
  survives: () => boolean,
): Buffer {
  const after = sized(before, Math.max(before?.length ?? 0, from + data.length));
  for (let at = 0; at < data.length; ) {
    const end = Math.min(data.length, (Math.floor((from + at) / SECTOR) + 1) * SECTOR - from);
    if (survives()) data.copy(after, from + at, at, end);
    at = end;
  }
  return after;
}
