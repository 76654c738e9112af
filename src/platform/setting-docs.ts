/** What each setting means: for documentation only. Session servers read settings, too, and do not load these texts. */
import type { SettingName } from "./settings.ts";

const limit = (what: string): string => `${what}; 0: no limit`;
const days = (what: string): string => `days to keep ${what}; 0: forever`;

export const settingDocs: Readonly<Record<SettingName, string>> = {
  host: "address that the broker listens on",
  port: "port that the broker listens on",
  broker: "use the broker at this host[:port] or URL, or one of several (a,b,c), instead of the one of this home",
  token: "this machine's token for the broker",
  fingerprint: "SHA-256 of the broker's certificate, or of each broker's (a,b,c); any other certificate is refused",
  forwarded_to:
    "address:port on which the broker itself listens (a,b,c), if 'broker' leads to it by plain HTTP through a tunnel or port mapping",
  name: "name of this session: its seat, which waits for the next session with that name",
  take_seat:
    "true: a session with a given name takes over the name and the mailbox of one that had it and is away; false: it is a new peer",
  delivery:
    "inject: mail is shown beside the next tool result; block: mail denies the next tool call; stop: as inject, and it continues the turn of `claude -p`, whose output is then the answer to the mail",
  requests:
    "own: the model does what sessions of the same user ask if it fits its work, and asks its user about requests of others; work: treats all senders like the same user's sessions; ask: asks about all but the operator",
  mail_line: "on: the terminal shows the user one line about mail when it arrives",
  blocked_on:
    "on: a session that waits for a permission says what for: the operator sees the tool and its command, file or address, others the tool; off: only that it waits",
  pool_absence_hours: "a member that is offline for this long is released from its pools",
  clock_confirm_seconds:
    "how long the clock must be steady before anything expires, is deleted or released; 0: believe it at once",
  sends_per_minute: limit("messages that one peer may cause per minute; one to a pool counts once for each recipient"),
  sends_per_pair: limit("messages that one peer may send to one address per minute"),
  repeat_seconds: "seconds in which an identical text to the same address is refused; 0: no limit",
  max_hops: limit("messages in one chain of replies"),
  wakes_per_hour: limit("how often mail may wake one session per hour; one sender: three quarters of it"),
  plain_http: "true: use plain HTTP with other machines too; anyone on the network can then read and change everything",
  cert: "your own certificate for other machines (PEM file)",
  key: "its private key (PEM file)",
  poll: "true: ask the model to check for mail once a minute, for hosts that mail cannot wake; each check is a paid turn",
  outbox: "true: keep what a session sends while the broker is away, and send it when it is back",
  requests_per_second: limit(
    "cheap requests with one token per second, averaged over five seconds; a tenth for an address without one",
  ),
  registrations_per_minute: limit("new peers with one token per minute"),
  connections_per_address: limit("open connections from one network address"),
  max_connections: "open connections in total; a session has two or three, and each takes an open file",
  max_peers: limit("registered peers in total"),
  max_pools: limit("active pools in total"),
  max_devices: limit("devices that have a token"),
  max_services: limit("registered services in total"),
  listing_page: "rows in one page of a listing, if the caller names no limit",
  idle_heartbeat_seconds:
    "interval of heartbeats of an idle session without mail; one that ends without a word is offline 35 seconds later",
  mailbox_messages: limit("messages of one sender that wait for one peer; of all senders twice as many"),
  keep_read_days: days("messages that all their recipients have read"),
  keep_failed_days: days("messages that ended unread (expired, refused, dead)"),
  keep_notes_days: days("notes to the operator, decided proposals and revoked devices"),
  keep_peers_days: days("peers that are away, without waiting mail, pool, service or open vote"),
  keep_pools_days: days("archived pools, and longer while their messages are kept"),
  page_on_network:
    "true: machines with a token may open the page too, over TLS, and see there what their token shows, and so may phones that 'cct open --phone' lets in; false: only the broker's own machine",
  notify_ntfy: "notify the operator by push: the address of an ntfy topic",
  notify_ntfy_token: "access token for that topic, if its server asks for one",
  notify_webhook: "notify the operator by a webhook: the address that gets a POST with JSON",
  notify_webhook_secret:
    "signs what the webhook gets (Standard Webhooks), so that the receiver can check that it comes from this broker",
  notify_kinds: "kinds of needs that are sent; without it, all of these",
  notify_after_seconds: "what needs nobody any more after so many seconds is not sent",
  notify_quiet: "hours in which no notifications are sent; what still needs you is sent when they are over",
  notify_text:
    "true: also the beginning of messages, reasons, and the commands, files, directories and URLs that 'cct attention' shows; false: names and numbers only",
  notify_click: "address that a notification opens, for example that of the page",
  database_url: "PostgreSQL instead of the file in the home; any number of brokers may share it",
  database_pool: "maximum number of database connections",
};
