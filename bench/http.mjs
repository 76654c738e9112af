/** One client for both sides of a comparison: node's own, connections kept alive. */
import { Agent, request } from "node:http";
import { atEnd } from "./cleanup.mjs";

export function client(connections) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  atEnd(() => agent.destroy());
  return {
    post(url, headers, body) {
      return new Promise((resolve, reject) => {
        const all = { ...headers, "content-length": Buffer.byteLength(body) };
        const outgoing = request(url, { method: "POST", agent, headers: all }, (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (part) => {
            text += part;
          });
          response.on("error", reject);
          response.on("end", () => {
            if (response.statusCode === 200) resolve(text);
            else reject(new Error(`${url} answered ${response.statusCode}: ${text}`));
          });
        });
        outgoing.on("error", reject);
        outgoing.end(body);
      });
    },
  };
}

/** Calls an operation of a broker. */
export async function call(http, broker, name, input, headers) {
  return JSON.parse(await http.post(`${broker.url}/api/${name}`, headers, JSON.stringify(input)));
}
