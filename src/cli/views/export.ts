/** The history as a file: for programs, and for people. */
import type { OutputOf } from "../../operations/index.ts";
import { shortMessageId } from "../../rules/address.ts";
import { grouped } from "../../rules/grouped.ts";
import { escapeInvisible, oneLine, stripInvisible } from "../../rules/text.ts";
import { addresseeOf } from "../../rules/texts/people.ts";
import { clockTime } from "../parts/output.ts";

type Message = OutputOf<"messages">["messages"][number];

/** What is written before, for each message, and after. */
interface Lines {
  begin: string;
  message(one: Message): string;
  end(messages: number): string;
}

const line = (value: unknown): string => `${escapeInvisible(JSON.stringify(value))}\n`;

/** A line of JSON for each message. The first says what it is, and the last that it is complete. */
export const exportedLines = (version: string, now: number): Lines => ({
  begin: line({ cct_export: 1, version, exported_at: now }),
  message: line,
  end: (messages) => line({ cct_export_end: true, messages }),
});

/** Markdown, with a heading for each day (UTC). Texts are quoted, so that none looks like another message. */
export function readable(): Lines {
  let day = "";
  return {
    begin: "# Messages\n",
    message(one) {
      const [date = "", clock = ""] = clockTime(one.sent_at).split(" ");
      const heading = date === day ? "" : `\n## ${date}\n`;
      day = date;
      const states = [...grouped(one.recipients, ({ state }) => state)].map(
        ([state, some]) => `${state} ${some.map(({ name }) => oneLine(name, 80)).join(", ")}`,
      );
      const about = [
        `**${plain(senderOf(one))} → ${plain(recipientOf(one))}**`,
        clock,
        ...(one.urgency === "normal" ? [] : [one.urgency]),
        ...(one.reply_to === undefined ? [] : [`reply to ${shortMessageId(one.reply_to)}`]),
        `id ${shortMessageId(one.message_id)}`,
        ...states.map(plain),
      ];
      const text = stripInvisible(one.text).trimEnd().split("\n");
      return `${heading}\n${about.join(" · ")}\n\n${text.map((part) => `> ${part}`.trimEnd()).join("\n")}\n`;
    },
    end: (messages) => `\n${messages} messages\n`,
  };
}

/** An address of its own has the name in it; that of a removed peer is its id, which says nothing to people. */
const senderOf = ({ from_name, from_address = from_name }: Message): string =>
  from_address.includes(from_name) ? from_address : from_name;

const recipientOf = ({ to, recipients }: Message): string => addresseeOf(to, recipients);

/** A name as text: nothing of it is Markdown. */
const plain = (text: string): string => oneLine(text, 200).replace(/[\\`*_{}[\]<>#|~]/g, "\\$&");
