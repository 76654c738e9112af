/** Notifications that leave CCT: what they are and how the last ones went, and a test of each channel. */
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { needKinds } from "../rules/attention.ts";
import { channels, type Notifying, progresses, progressOf } from "../rules/notifications.ts";
import { beginNotification, latestNotifications, type Notification } from "../store/notifications.ts";
import { operation } from "./core/operation.ts";
import { time } from "./support/shapes.ts";

const progress = {
  state: z
    .enum(progresses)
    .describe(
      "idle: nothing to send; waiting: about to be sent; trying: the last attempt failed, and another follows; failed: given up",
    ),
  attempts: z.int().describe("of the latest one"),
  next_at: time.optional().describe("when it is tried next"),
  sent_at: time.optional().describe("when its receiver last took one"),
  failed_at: time.optional().describe("when it last did not"),
  error: z.string().optional().describe("why, unless one arrived since, or nobody needs it any more"),
};

export const notifyStatus = operation({
  name: "notify_status",
  isolation: "snapshot",
  by: ["operator"],
  repeatable: "always",
  doc: "Shows the channels of notifications, and how the last ones went.",
  input: z.strictObject({}),
  output: z.object({
    now: time,
    channels: z.array(
      z.object({
        channel: z.enum(channels),
        place: z.string().describe("the host of its address"),
        plain: z.boolean().describe("plain HTTP to another machine"),
        signed: z.boolean().optional().describe("of a webhook"),
        ...progress,
      }),
    ),
    kinds: z.array(z.enum(needKinds)),
    quiet: z.string().optional(),
    text: z.boolean().describe("whether texts, commands, files, directories and URLs are sent too"),
    tests: z.array(z.object({ channel: z.enum(channels), notification_id: z.string(), ...progress })),
  }),
  async run({ sql, now, notifying }) {
    const { channels: ways, kinds, quiet, text } = notifying ?? NOT_AT_ALL;
    const latest = await latestNotifications(sql);
    const of = (purpose: Notification["purpose"]) => latest.filter((one) => one.purpose === purpose);
    return {
      now,
      channels: ways.map(({ channel, place, isPlain, signed }) => ({
        channel,
        place,
        plain: isPlain,
        ...(signed === undefined ? {} : { signed }),
        ...shown(of("needs").find((one) => one.channel === channel)),
      })),
      kinds: [...kinds],
      ...(quiet === undefined ? {} : { quiet }),
      text,
      tests: of("test").map((one) => ({
        channel: one.channel,
        notification_id: one.notification_id,
        ...shown(one),
      })),
    };
  },
});

const NOT_AT_ALL: Notifying = { channels: [], kinds: [], quiet: undefined, text: false };

function shown(one: Notification | undefined) {
  if (one === undefined) return { state: "idle" as const, attempts: 0 };
  const { attempts, due_at, sent_at, failed_at, error } = one;
  return {
    state: progressOf(one),
    attempts,
    ...(due_at === null ? {} : { next_at: due_at }),
    ...(sent_at === null ? {} : { sent_at }),
    ...(failed_at === null ? {} : { failed_at }),
    ...(error === null ? {} : { error }),
  };
}

export const notifyTest = operation({
  name: "notify_test",
  by: ["operator"],
  repeatable: "never",
  errors: ["conflict"],
  doc: "Sends a test through each channel of notifications, or through one. `notify_status` shows how it went.",
  input: z.strictObject({ channel: z.enum(channels).optional() }),
  output: z.object({ tests: z.array(z.object({ channel: z.enum(channels), notification_id: z.string() })) }),
  async run({ sql, now, newId, notifying = NOT_AT_ALL }, input) {
    const wanted = notifying.channels.filter(({ channel }) => input.channel === undefined || input.channel === channel);
    if (wanted.length === 0)
      throw new CctError(
        "conflict",
        input.channel === undefined
          ? "This broker has no channel for notifications."
          : `This broker has no channel '${input.channel}'.`,
        "Set one on the broker's machine, and restart the broker: cct config set notify_ntfy <URL of a topic>, or notify_webhook <URL>.",
      );
    const tests = wanted.map(({ channel }) => ({ channel, notification_id: newId() }));
    for (const one of tests) await beginNotification(sql, { ...one, purpose: "test", subjects: [] }, now);
    return { tests };
  },
});
