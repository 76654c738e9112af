/** `cct messages` and `cct search`: go on where one call has looked at as much as it may, until there are as many as were asked for. */
import { type Call, type Fields, print, type Special } from "./call.ts";

/** What such an operation answers. */
interface Page {
  messages: unknown[];
  next?: number | undefined;
}

const listing = <P extends Page>(
  usual: number,
  ask: (call: Call, input: Fields) => Promise<P>,
  show: (call: Call, page: P) => void,
): Special => ({
  options: () => [],
  worksOffline: () => false,
  async run(call) {
    show(call, await collected(call, usual, ask));
  },
});

export const messagesCommand = listing(
  50,
  ({ client, me }, input) => client.callAny("messages", input, me),
  (call, page) => print(call, "messages", page),
);
export const searchCommand = listing(
  20,
  ({ client, me }, input) => client.callAny("search", input, me),
  (call, page) => print(call, "search", page),
);

async function collected<P extends Page>(
  call: Call,
  usual: number,
  ask: (call: Call, input: Fields) => Promise<P>,
): Promise<P> {
  const { input } = call;
  const limit = typeof input.limit === "number" ? input.limit : usual;
  const way = input.after === undefined ? "before" : "after";
  const all = await ask(call, { ...input, limit });
  while (all.next !== undefined && all.messages.length < limit) {
    const page = await ask(call, { ...input, [way]: all.next, limit: limit - all.messages.length });
    all.messages.push(...page.messages);
    all.next = page.next;
  }
  return all;
}
