/** Texts of sessions: text nodes and nothing else. What is hidden in them is made visible, what is code looks like it. */
import type { ComponentChildren } from "preact";
import { pieces } from "../rules/hidden.ts";

const visible = (text: string): ComponentChildren[] =>
  pieces(text).map((piece) =>
    "text" in piece ? (
      piece.text
    ) : (
      <span class="hidden-char" title={`hidden character ${piece.hidden}`}>
        {piece.hidden}
      </span>
    ),
  );

const MARKS = /(`[^`\n]+`|(?<![\w.])@[\w-]+(?:\/[\w-]+)?)/;

function inline(text: string): ComponentChildren[] {
  return text.split(MARKS).map((part) => {
    if (part.startsWith("`") && part.length > 1) return <code>{visible(part.slice(1, -1))}</code>;
    return /^@[\w-]/.test(part) ? <span class="mention">{part}</span> : visible(part);
  });
}

const Paragraph = ({ line }: { line: string }) => <p dir="auto">{line === "" ? "\u00a0" : inline(line)}</p>;

/** Each paragraph has its own direction, so that none can pass for a line of the page. */
export function Body({ text }: { text: string }) {
  return (
    <div class="body">
      {text.split(/```[a-z]*\n?/).map((part, i) => {
        if (i % 2 === 1)
          return (
            <pre dir="ltr" tabIndex={0}>
              {visible(part.replace(/\n$/, ""))}
            </pre>
          );
        if (part.trim() === "") return null;
        const lines = part.replace(/^\n+|\n+$/g, "").split("\n");
        return lines.map((line) => <Paragraph line={line} />);
      })}
    </div>
  );
}

/** The beginning, on one line. */
export function OneLine({ text, of = 180 }: { text: string; of?: number }) {
  const start = text.length > of ? `${text.slice(0, of)}…` : text;
  return <bdi dir="auto">{visible(start.replace(/```[a-z]*|`/g, "").replace(/\s+/g, " "))}</bdi>;
}

/** Longer names lose their middle where there is no room: those that are alike often differ at the end. */
const SHORT_NAME = 18;
const NAME_END = 8;

/** A name. A reader gets it as a whole. */
export const Name = ({ of }: { of: string }) =>
  of.length <= SHORT_NAME ? (
    <bdi>{of}</bdi>
  ) : (
    <bdi class="long-name">
      <span class="sr">{of}</span>
      <span aria-hidden="true">{of.slice(0, -NAME_END)}</span>
      <span aria-hidden="true">{of.slice(-NAME_END)}</span>
    </bdi>
  );
