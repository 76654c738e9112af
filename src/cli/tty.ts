/** The terminal of this process as a whole: raw keys, its own screen, its size. Marked seam. */
import { writeSync } from "node:fs";
import { emitKeypressEvents, type Interface } from "node:readline";
import type { Key, Tty, TtyListener } from "./parts/context.ts";

/** A terminal that does not say how large it is. */
const USUAL = { columns: 80, rows: 24 };
/** After an escape character: the rest of a key's sequence may come later, over a slow line. */
const ESCAPE_MS = 50;
const STDOUT = 1;

/** What readline says of a key. */
interface Pressed {
  name?: string;
  sequence?: string;
  ctrl?: boolean;
  meta?: boolean;
  shift?: boolean;
}

export function processTty(): Tty {
  const { stdin, stdout } = process;
  let leave: string | undefined;
  let undo: (() => void)[] = [];

  /** Also in the middle of a crash. */
  function giveBack(): void {
    if (leave === undefined) return;
    try {
      writeSync(STDOUT, leave);
    } catch {
      // The terminal is gone.
    }
    leave = undefined;
  }

  return {
    size: () => ({ columns: stdout.columns || USUAL.columns, rows: stdout.rows || USUAL.rows }),
    open(modes, listener) {
      leave = modes.leave;
      process.once("exit", giveBack);
      // The type asks for a whole interface; only this field of it is read.
      emitKeypressEvents(stdin, { escapeCodeTimeout: ESCAPE_MS } as unknown as Interface);
      const onKey = keysFor(listener);
      const hear = (stream: NodeJS.ReadStream | NodeJS.WriteStream, event: string, work: () => void): void => {
        stream.on(event, work);
        undo.push(() => stream.off(event, work));
      };
      stdin.on("keypress", onKey);
      undo.push(() => stdin.off("keypress", onKey));
      for (const event of ["end", "close", "error"]) hear(stdin, event, listener.ended);
      for (const event of ["close", "error"]) hear(stdout, event, listener.ended);
      hear(stdout, "resize", listener.resized);
      hear(stdout, "drain", listener.drained);
      // After a stop (Ctrl-Z, kill -STOP) the shell has changed the modes.
      const goOn = (): void => {
        // Node takes the terminal for raw still.
        stdin.setRawMode(false);
        stdin.setRawMode(true);
        stdout.write(modes.enter);
        listener.resized();
      };
      process.on("SIGCONT", goOn);
      undo.push(() => process.off("SIGCONT", goOn));
      stdin.setRawMode(true);
      stdin.resume();
      stdout.write(modes.enter);
    },
    write(text) {
      if (text !== "") stdout.write(text);
    },
    isBehind: () => stdout.writableNeedDrain,
    close() {
      for (const work of undo) work();
      undo = [];
      // Errors of a terminal that is gone come later.
      stdin.on("error", () => {});
      giveBack();
      try {
        stdin.setRawMode(false);
      } catch {
        // The terminal is gone.
      }
      stdin.pause();
      stdin.unref();
    },
  };
}

/** Escape and Ctrl-C at once. Node knows it as no key. */
const ESCAPE_CTRL_C = "\x1b\x03";

/** Pasted text comes between two marks, and is handed on as one. */
function keysFor(listener: TtyListener): (text: string | undefined, key: Pressed) => void {
  let pasted: string | undefined;
  return (text = "", { name, sequence = "", ctrl = false, meta = false, shift = false }) => {
    if (name === "paste-start") pasted = "";
    else if (name === "paste-end") {
      if (pasted !== undefined && pasted !== "") listener.paste(pasted);
      pasted = undefined;
    } else if (pasted !== undefined) pasted += text || sequence;
    else if (sequence === ESCAPE_CTRL_C) listener.key(keyFrom("", "c", { ctrl: true, meta: false, shift }));
    else listener.key(keyFrom(text, name ?? text, { ctrl, meta, shift }));
  };
}

const keyFrom = (text: string, name: string, how: Pick<Key, "ctrl" | "meta" | "shift">): Key => ({
  text,
  name: name.toLowerCase(),
  ...how,
});
