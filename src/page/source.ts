/**
 * How the page talks to its broker: operations by name, and the feed. Everything that it shows comes through here. One tab of
 * a browser holds the feed for all of its tabs: over HTTP/1.1 a browser opens six connections to a place, no more.
 */
import { createParser } from "eventsource-parser";
import type { InputOf, OutputOf } from "../operations/index.ts";
import type { FeedBatch } from "../operations/support/feed-rows.ts";
import type { BrokerStatus } from "../operations/surface/broker-status.ts";
import type { PageOperation } from "../operations/surface/page-operations.ts";

/** An answer of the broker that says what is wrong and what to do next; or that there was none. */
export class Refusal extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

/** An error in words: what is wrong, and what to do next. */
export const problemOf = (error: unknown): string =>
  error instanceof Refusal ? `${error.message} ${error.hint}` : "It cannot be read.";

/** Codes of answers that stay the same when one asks again. */
const FINAL = ["bad_request", "unauthorized", "forbidden", "not_found", "ambiguous", "conflict"];

export const isFinal = (error: unknown): boolean => error instanceof Refusal && FINAL.includes(error.code);

const NO_ANSWER = new Refusal("no_answer", "The broker does not answer.", "It is tried again by itself.");

/**
 * The half of the login that is no cookie: browsers send cookies to every port of a machine, but only pages from the broker's
 * own port can read this. All tabs share it, so it is read for each request.
 */
const KEY = "cct-login";

/** Asks the broker as the browser that is logged in. `undefined`: there is no answer. */
function request(path: string, init: RequestInit): Promise<Response | undefined> {
  const headers = new Headers(init.headers);
  headers.set("x-cct-page", localStorage.getItem(KEY) ?? "");
  return fetch(path, { ...init, headers, cache: "no-store" }).catch(() => undefined);
}

async function ask(path: string, init: RequestInit): Promise<unknown> {
  const response = await request(path, init);
  if (!response) throw NO_ANSWER;
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok) return body;
  const {
    code = "internal",
    message = "The broker's answer cannot be read.",
    hint = "Try again.",
  } = Object(Object(body).error);
  throw new Refusal(String(code), String(message), String(hint));
}

const post = (path: string, body: unknown): Promise<unknown> =>
  ask(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

/** Runs an operation. Throws `Refusal`. */
export function call<N extends PageOperation>(name: N, input: InputOf<N>): Promise<OutputOf<N>> {
  // The broker checks its answers against the schema that this type is made of.
  return post(`/page/api/${name}`, input) as Promise<OutputOf<N>>;
}

export const askStatus = (): Promise<BrokerStatus> => ask("/page/status", { method: "GET" }) as Promise<BrokerStatus>;

/** Whether the broker has other files than those of this page by now; `undefined`: it does not answer. */
export async function isReplaced(): Promise<boolean | undefined> {
  const response = await request("/", {});
  const found = response?.ok ? await response.text().catch(() => undefined) : undefined;
  // The name of the first script changes with each file that it may load.
  const mine = document.querySelector("script[src]")?.getAttribute("src");
  return found === undefined || !mine ? undefined : !found.includes(mine);
}

/** Logs this browser in with the code of a link. */
export async function logIn(code: string): Promise<void> {
  const { key } = Object(await post("/page/login", { code }));
  localStorage.setItem(KEY, String(key));
}

export async function logOut(): Promise<void> {
  await post("/page/logout", {});
  localStorage.removeItem(KEY);
}

export type LinkState = "connecting" | "live" | "lost" | "out";

interface Following {
  /** News of the broker. */
  onBatch(batch: FeedBatch): void;
  onLink(state: LinkState): void;
}

/** What the tab that holds the feed tells the others. */
type Told = { batch: FeedBatch; place: string } | { link: LinkState };

const RETRY_MS = [300, 1_000, 2_000, 4_000];

/** Follows the feed for as long as the page is open. The first batch says to look: what changes after that look is told. */
export function follow({ onBatch, onLink }: Following): void {
  let place = "";
  const others = new BroadcastChannel("cct-feed");
  function take(told: Told): void {
    if ("link" in told) onLink(told.link);
    else {
      place = told.place;
      onBatch(told.batch);
    }
  }
  others.onmessage = ({ data }: MessageEvent<Told | "who">) => {
    if (data !== "who") take(data);
  };
  void navigator.locks.request("cct-feed", () => {
    let link: LinkState = "connecting";
    const tell = (told: Told): void => {
      if ("link" in told) link = told.link;
      others.postMessage(told);
      take(told);
    };
    const connect = hold(() => place, tell);
    others.onmessage = ({ data }: MessageEvent<Told | "who">) => {
      if (data !== "who") return;
      // Who asks is logged in, and with it this browser.
      if (link === "out") connect();
      // Who comes later has not looked yet, and does so once it hears this.
      else others.postMessage({ link });
    };
    // The lock is held until this tab is closed.
    return new Promise(() => {});
  });
  others.postMessage("who");
}

/** Keeps a connection to the feed until the login ends; the result connects once more. */
function hold(place: () => string, tell: (told: Told) => void): () => void {
  let tries = 0;
  const pause = (): number => RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)] ?? 0;

  /** By fetch, because an `EventSource` sends no headers. */
  async function open(): Promise<void> {
    const response = await request(`/page/events?after=${encodeURIComponent(place())}`, { method: "GET" });
    if (response?.ok && response.body) {
      tries = 0;
      tell({ link: "live" });
      await read(response.body).catch(() => {});
    }
    tell({ link: "lost" });
    setTimeout(() => void retry(), pause());
  }

  /** Until the stream ends, or throws. */
  async function read(body: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    const parser = createParser({
      onEvent({ event, data, id }) {
        if (event === "changes") tell({ batch: JSON.parse(data) as FeedBatch, place: id ?? "" });
      },
    });
    for await (const text of textOf(body)) parser.feed(text);
  }

  /** The status says why the stream ended: the login may have. */
  async function retry(): Promise<void> {
    try {
      await askStatus();
      void open();
    } catch (error) {
      if (error instanceof Refusal && error.code === "unauthorized") tell({ link: "out" });
      else setTimeout(() => void retry(), pause());
    }
  }

  function connect(): void {
    tell({ link: "connecting" });
    void open();
  }
  connect();
  return connect;
}

async function* textOf(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
}
