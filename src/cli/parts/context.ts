/** What every command gets: the world, the terminal, and the parts of the program that it may start. */
import type { Config } from "../../platform/config.ts";
import type { CctError } from "../../platform/errors.ts";
import type { World } from "../../platform/world.ts";
import type { Move, Moved } from "../../rules/moves.ts";
import type { Restored } from "../../rules/restored.ts";
import type { Screen } from "./output.ts";

/** Passed in by `bin.ts`, so that the CLI does not load these parts. */
export interface Launchers {
  startBroker(config: Config): Promise<{ url: string; ended: Promise<CctError | undefined>; close(): Promise<void> }>;
  move(config: Config, how: Move): Promise<Moved>;
  /** Writes a checked copy of the home's database to a file, and returns its size. `source`: the running broker's copy. */
  backUp(config: Config, file: string, source: AsyncIterable<Uint8Array> | undefined): Promise<number>;
  /** Opens the home's SQLite file, if there is one. Throws what prevents a broker from using it. */
  checkDatabase(config: Config): Promise<void>;
  /** Puts a backup in place of the home's database. */
  restore(config: Config, file: string): Promise<Restored>;
}

/** An output stream. */
export interface Output {
  write(text: string): void;
  /** Writes before it returns, and ignores errors. For a stream that is shared with a child process. */
  writeNow(text: string): void;
  /** Resolves to whether what was written so far could be. */
  isOpen(): Promise<boolean>;
  isTerminal: boolean;
  /** Width of the terminal; `undefined` if there is none. */
  columns?: number | undefined;
}

/** A key that was pressed. */
export interface Key {
  /** As node's readline calls it: `return`, `escape`, `up`, `a` … */
  name: string;
  /** What was typed; empty for keys without a character. */
  text: string;
  ctrl: boolean;
  meta: boolean;
  shift: boolean;
}

/** What a program that has the whole terminal hears. */
export interface TtyListener {
  key(key: Key): void;
  paste(text: string): void;
  resized(): void;
  /** The terminal has taken what it was behind with. */
  drained(): void;
  /** The terminal is gone. */
  ended(): void;
}

/** The terminal as a whole: its screen and its keys. */
export interface Tty {
  size(): { columns: number; rows: number };
  /** Takes it over. `leave` is written when it is given back, and also when the process ends without that. */
  open(modes: { enter: string; leave: string }, listener: TtyListener): void;
  write(text: string): void;
  /** It has not taken yet what was written. */
  isBehind(): boolean;
  /** Gives it back. */
  close(): void;
}

/** The streams and signals of the process that runs the CLI. `processTerminal` makes it from `process`. */
export interface Terminal {
  stdout: Output;
  stderr: Output;
  stdin: {
    /** All of standard input; of one that is longer than `limit` bytes, a part that is longer too. */
    read(limit: number): Promise<Uint8Array>;
    /** The next line, empty at the end. */
    line(): Promise<string>;
    /** All lines, as they come. */
    lines(): AsyncIterable<string>;
    isTerminal: boolean;
  };
  /** For programs that have the whole screen, where standard input and output are a terminal. */
  tty(): Tty;
  /**
   * Calls `handler` for each of these signals instead of ending the process; with `once`, a signal that is repeated ends
   * it. The result removes the handler.
   */
  onSignal(
    signals: readonly NodeJS.Signals[],
    handler: (signal: NodeJS.Signals) => void,
    options?: { once: boolean },
  ): () => void;
  /** Ends the process without waiting for pending work. */
  exit(code: number): never;
}

export interface Context {
  world: World;
  screen: Screen;
  launchers: Launchers;
  /** All of standard input as text. Throws `bad_request` if it is not UTF-8, `too_large` above 1 MiB. */
  readStdin(): Promise<string>;
  /** The answer to a question, where standard input is a terminal. */
  readLine(): Promise<string>;
  readLines(): AsyncIterable<string>;
  stdinIsTerminal: boolean;
  tty: Terminal["tty"];
  onSignal: Terminal["onSignal"];
  exit: Terminal["exit"];
  /** Sets the exit code of a command that ends without an error; 0 by default. */
  setExitCode(code: number): void;
}
