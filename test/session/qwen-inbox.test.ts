/** Messages into the inbox of a Qwen Code session, as its protocol describes it: what its receipts mean. */
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sendToInbox } from "../../src/hosts/qwen-inbox.ts";
import { atEnd } from "../support/cleanup.ts";
import { tempFolder } from "../support/folders.ts";
import { until } from "../support/wait.ts";

interface Frame {
  msgId: string;
  from: string;
  replyToken: string;
  toSessionId: string;
  message: { content: string };
}

/** A session's inbox, which notes what it gets, and says nothing by itself. */
async function inbox() {
  const socket = join(tempFolder(), "inbox");
  const got: { token: string; frame: Frame }[] = [];
  const server = createServer((connection) => {
    let text = "";
    connection.on("error", () => {});
    connection.on("data", (more) => {
      text += more;
    });
    connection.on("end", () => {
      const [auth = "{}", frame = "{}"] = text.split("\n");
      if (text !== "") got.push({ token: JSON.parse(auth).token, frame: JSON.parse(frame) });
      connection.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  atEnd(() => server.close());
  let id = 0;
  const sending = sendToInbox(
    { socket, token: "theirs", toSessionId: "one" },
    () => `${++id}`.padStart(32, "0"),
    () => "the text",
    { againMs: 50, receiptMs: 120_000 },
  );
  const first = await until("the message comes", () => got[0]);
  /** A receipt for the message; `changed`: what is wrong with it. */
  const receipt = (status: string, changed: { token?: string; origMsgId?: string } = {}): void => {
    const { from, replyToken, msgId } = first.frame;
    const about = { msgV: 1, type: "control", action: "delivery_status", status, origMsgId: msgId, ...changed };
    const auth = { msgV: 1, type: "auth", token: changed.token ?? replyToken };
    // The one that waits has gone when another receipt was faster.
    const connection = connect(from).on("error", () => {});
    connection.end(`${JSON.stringify(auth)}\n${JSON.stringify(about)}\n`);
  };
  return { sending, first, got, receipt };
}

test.each([
  ["delivered", "queued"],
  ["held", "refused"],
  ["denied", "refused"],
  ["refused", "refused"],
  ["dropped", "lost"],
  ["expired", "lost"],
  ["misaddressed", "lost"],
])("%s: the mail is %s", async (status, outcome) => {
  const { sending, first, receipt } = await inbox();
  expect(first).toMatchObject({ token: "theirs", frame: { toSessionId: "one", message: { content: "the text" } } });
  receipt(status);
  expect(await sending).toBe(outcome);
});

test("a receipt of somebody else, about something else, or of an unknown kind means nothing", async () => {
  const { sending, receipt } = await inbox();
  receipt("delivered", { token: "guessed" });
  receipt("delivered", { origMsgId: "another" });
  receipt("constructor");
  receipt("held");
  expect(await sending).toBe("refused");
});

test("without a receipt it is sent again under the same id", async () => {
  const { sending, first, got, receipt } = await inbox();
  const again = await until("the message comes again", () => got[1]);
  expect(again).toEqual(first);
  receipt("delivered");
  expect(await sending).toBe("queued");
});

test("without any receipt nobody knows what became of it", async () => {
  const socket = join(tempFolder(), "silent");
  const server = createServer((connection) => connection.resume());
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  atEnd(() => server.close());
  const times = { againMs: 10, receiptMs: 50 };
  const made = sendToInbox(
    { socket, token: "t", toSessionId: "one" },
    () => "0".repeat(32),
    () => "text",
    times,
  );
  expect(await made).toBe("lost");
});

test("where nobody listens, nothing is taken", async () => {
  let taken = 0;
  const outcome = await sendToInbox(
    { socket: join(tempFolder(), "nobody"), token: "t", toSessionId: "one" },
    () => "0".repeat(32),
    () => `${++taken}`,
  );
  expect([outcome, taken]).toEqual(["lost", 0]);
});
