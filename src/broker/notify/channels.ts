/** The channels of notifications: what each sends where, made of the settings. */
import type { Config } from "../../platform/config.ts";
import { isOnThisMachine } from "../../platform/network.ts";
import { quietHoursIn } from "../../platform/quiet-hours.ts";
import { signBody } from "../../platform/secrets.ts";
import type { World } from "../../platform/world.ts";
import type { Need } from "../../rules/attention.ts";
import {
  type Channel,
  isUrgent,
  type Notifying,
  type QuietHours,
  type Way,
  type Wishes,
  wishesIn,
} from "../../rules/notifications.ts";
import { oneLine } from "../../rules/text.ts";
import { manyNeeds, needSentence, TEST_SENTENCE } from "../../rules/texts/needs.ts";
import type { Post } from "./post.ts";

/** What is told: some needs, or none in a test. */
interface Telling {
  notification_id: string;
  made_at: number;
  /** Each attempt has its own time. */
  sending_at: number;
  needs: readonly Need[];
}

/** Who tells it. */
interface Teller {
  machine: string;
  /** `user@machine` */
  broker: string;
}

export interface Sender extends Way {
  post(telling: Telling): Post;
}

export interface NotifyPlan {
  senders: Sender[];
  wishes: Wishes;
  quiet: QuietHours | undefined;
  shown: Notifying;
}

/** `undefined`: no channel is set. */
export function planOf(
  config: Config,
  { username, hostname }: Pick<World, "username" | "hostname">,
): NotifyPlan | undefined {
  const teller = { machine: hostname, broker: `${username}@${hostname}` };
  const { notify_ntfy: topic, notify_webhook: hook, notify_quiet: hours, notify_text: text } = config;
  const senders = [
    ...(topic === undefined ? [] : [ntfy(topic, config, teller)]),
    ...(hook === undefined ? [] : [webhook(hook, config, teller)]),
  ];
  if (senders.length === 0) return undefined;
  const wishes = wishesIn(config);
  return {
    senders,
    wishes,
    quiet: quietHoursIn(config),
    shown: { channels: senders.map(({ post: _, ...way }) => way), kinds: wishes.kinds, quiet: hours, text },
  };
}

const wayTo = (channel: Channel, url: string): Way => ({
  channel,
  place: new URL(url).host,
  isPlain: url.startsWith("http:") && !isOnThisMachine(url),
});

/** Needs in one notification; of more the number is told. */
const MOST = 20;
const MOST_LINES = 6;

/** Of a blocked session what it asks for, else the line of detail. */
const detailOf = ({ what, detail }: Need): string => what ?? detail;

const bare = ({ detail: _, ...need }: Need): string => needSentence(need);

const lineOf = (need: Need, withText: boolean): string =>
  withText ? `${needSentence(need)}: ${oneLine(detailOf(need))}` : bare(need);

function sentenceOf({ needs }: Telling, withText: boolean): string {
  const [first] = needs;
  if (!first) return TEST_SENTENCE;
  return needs.length === 1 ? lineOf(first, withText) : manyNeeds(needs.length);
}

/** As ntfy takes it: the text is the body, the rest are headers. */
function ntfy(url: string, config: Config, { machine }: Teller): Sender {
  const { notify_text: withText, notify_ntfy_token: token, notify_click: click } = config;
  return {
    ...wayTo("ntfy", url),
    post(telling) {
      const { needs } = telling;
      const lines = needs.length < 2 ? [] : needs.slice(0, MOST_LINES).map((need) => lineOf(need, withText));
      if (needs.length > MOST_LINES) lines.push(`and ${needs.length - MOST_LINES} more`);
      return {
        url,
        headers: {
          title: headerText(`CCT on ${machine}`),
          priority: needs.some(isUrgent) ? "4" : "3",
          tags: needs.some(isUrgent) ? "bell" : needs.length > 0 ? "warning" : "test_tube",
          ...(click === undefined ? {} : { click }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          "content-type": "text/plain; charset=utf-8",
        },
        body: [sentenceOf(telling, withText), ...lines].join("\n"),
      };
    },
  };
}

/** Other than ASCII as an encoded word (RFC 2047), which ntfy decodes. */
const headerText = (text: string): string =>
  /^[\x20-\x7e]*$/.test(text) ? text : `=?UTF-8?B?${Buffer.from(text).toString("base64")}?=`;

/** JSON, signed as Standard Webhooks asks for. */
function webhook(url: string, config: Config, teller: Teller): Sender {
  const { notify_text: withText, notify_webhook_secret: secret, notify_click: click } = config;
  return {
    ...wayTo("webhook", url),
    signed: secret !== undefined,
    post(telling) {
      const { notification_id: id, made_at: at, sending_at, needs } = telling;
      const [first] = needs;
      const body = JSON.stringify({
        kind: first === undefined ? "test" : needs.length === 1 ? first.kind : "several",
        id,
        at,
        sentence: sentenceOf(telling, withText),
        count: needs.length,
        needs: needs.slice(0, MOST).map((need) => ({
          kind: need.kind,
          need_id: need.need_id,
          at: need.at,
          ...(need.deadline === undefined ? {} : { deadline: need.deadline }),
          sentence: withText ? needSentence(need) : bare(need),
          ...(withText ? { detail: detailOf(need) } : {}),
        })),
        ...teller,
        ...(click === undefined ? {} : { click }),
      });
      const seconds = String(Math.floor(sending_at / 1000));
      return {
        url,
        headers: {
          "content-type": "application/json",
          "webhook-id": id,
          "webhook-timestamp": seconds,
          ...(secret === undefined
            ? {}
            : { "webhook-signature": `v1,${signBody(secret, `${id}.${seconds}.${body}`)}` }),
        },
        body,
      };
    },
  };
}
