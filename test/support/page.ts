/** The page's requests as a browser sends them, and as other pages in it would cause them. */
import { type Answer, ok, send } from "./api.ts";
import type { TestBroker } from "./broker.ts";

type Headers = Record<string, string | undefined>;

/** What a browser says of a request that the broker's own page makes. */
export const fromOwnPage = ({ url }: Pick<TestBroker, "url">): Headers => ({
  authorization: undefined,
  "sec-fetch-site": "same-origin",
  "sec-fetch-mode": "cors",
  origin: url,
});

/** What it says when a person opens an address. */
export const opened: Headers = {
  authorization: undefined,
  "sec-fetch-site": "none",
  "sec-fetch-mode": "navigate",
  "sec-fetch-dest": "document",
};

/** A code for a login, with the authority of the broker's token. */
export const newCode = async (broker: TestBroker): Promise<string> => (await ok(broker, "open_page", {})).code;

export function sendCode(broker: TestBroker, code: string, headers: Headers = {}): Promise<Answer> {
  const body = JSON.stringify({ code });
  return send(broker, { path: "/page/login", body, headers: { ...fromOwnPage(broker), ...headers } });
}

/** What a logged-in browser sends: the cookie, and the key that its page keeps. */
export interface Login {
  cookie: string;
  "x-cct-page": string;
}

/** The login that an answer grants. */
export function loginOf(answer: Answer): Login {
  return { cookie: cookieOf(answer), "x-cct-page": String(Object(answer.json).key) };
}

/** The cookie of an answer, as the browser sends it back. */
export function cookieOf({ headers }: Answer): string {
  const [cookie = ""] = headers["set-cookie"] ?? [];
  return cookie.split(";", 1)[0] ?? "";
}

/** Logs in. */
export async function logIn(broker: TestBroker): Promise<Login> {
  const answer = await sendCode(broker, await newCode(broker));
  if (answer.status !== 200) throw new Error(`the login was refused: ${answer.text}`);
  return loginOf(answer);
}

/** Calls an operation from the page, or with other headers from elsewhere. */
export function callFromPage(
  broker: TestBroker,
  login: Partial<Login> | undefined,
  operation: string,
  input: unknown = {},
  headers: Headers = {},
): Promise<Answer> {
  return send(broker, {
    path: `/page/api/${operation}`,
    body: JSON.stringify(input),
    headers: { ...fromOwnPage(broker), ...login, ...headers },
  });
}

/** Gets something for the page. */
export const getFromPage = (
  broker: TestBroker,
  login: Partial<Login> | undefined,
  path: string,
  headers: Headers = {},
) =>
  send(broker, { method: "GET", path, headers: { ...fromOwnPage(broker), origin: undefined, ...login, ...headers } });
