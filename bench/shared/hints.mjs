/** How long a hint takes from broker to broker, beside bare LISTEN and NOTIFY. */
import { get } from "node:http";
import pg from "pg";
import { atEnd } from "../cleanup.mjs";
import { call } from "../http.mjs";
import { pause } from "../process.mjs";
import { quantile } from "../stats.mjs";
import { TEXT, tidy } from "./place.mjs";

const HINTS = 150;

/** Opens a peer's event stream; `next` resolves at its next mail event. */
export async function openStream(broker, peer) {
  let tell = () => {};
  await new Promise((resolve, reject) => {
    const request = get(`${broker.url}/events`, { agent: false, headers: peer.headers }, (response) => {
      response.setEncoding("utf8").on("data", (text) => {
        if (text.includes("event: mail")) tell(performance.now());
        resolve();
      });
    });
    atEnd(() => request.destroy());
    request.on("error", reject);
  });
  return {
    next: () =>
      new Promise((resolve) => {
        tell = resolve;
      }),
  };
}

export async function hints(place) {
  const { url, brokers, http, peers } = place;
  await tidy(place);
  const [a, b] = brokers;
  const here = await openStream(a, peers[1]);
  const there = await openStream(b, peers[2]);
  const [listener, speaker] = [new pg.Client(url), new pg.Client(url)];
  await listener.connect();
  await speaker.connect();
  await listener.query("LISTEN bench");
  const sendAndHear = (stream, to) => async () => {
    const heard = stream.next();
    const begin = performance.now();
    const sent = call(http, a, "send_message", { to: to.name, text: TEXT }, peers[0].headers);
    const at = await heard;
    await sent;
    return at - begin;
  };
  const ways = {
    bare: async () => {
      const heard = new Promise((resolve) => listener.once("notification", () => resolve(performance.now())));
      const begin = performance.now();
      const said = speaker.query("SELECT pg_notify('bench', '1')");
      const at = await heard;
      await said;
      return at - begin;
    },
    here: sendAndHear(here, peers[1]),
    there: sendAndHear(there, peers[2]),
  };
  const times = { bare: [], here: [], there: [] };
  for (let i = 0; i < HINTS + 30; i++) {
    for (const [name, run] of Object.entries(ways)) {
      const took = await run();
      if (i >= 30) times[name].push(took);
      await pause(2);
    }
  }
  await listener.end();
  await speaker.end();
  return [0.5, 0.95].flatMap((q) => {
    const figure = (name, side, floor, floorName) => ({
      name: `${name}, p${q * 100}`,
      value: quantile(times[side], q),
      unit: "ms",
      floor: quantile(times[floor], q),
      floorName,
    });
    return [
      figure("send at A → event at B", "there", "bare", "NOTIFY → LISTEN"),
      figure("send at A → event at B", "there", "here", "send at A → event at A"),
    ];
  });
}
