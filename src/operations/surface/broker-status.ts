/**
 * What a broker reports about itself at `GET /health`, `/ready` and `/status`. These are not operations, because they must
 * answer while the database does not. Broker, client and CLI share the types; the schemas are for the API's description.
 */
import * as z from "zod";
import { deliveryStates } from "../../rules/delivery.ts";
import { presences } from "../../rules/presence.ts";
import { time } from "../support/shapes.ts";

const lanAccess = z.object({
  addresses: z.array(z.string()).describe("host:port"),
  tls: z.boolean(),
  fingerprint: z.string().optional().describe("SHA-256 of the certificate"),
  page: z.boolean().describe("they get the page too"),
});

/** How other machines reach a broker. */
export type LanAccess = z.output<typeof lanAccess>;

const forItsHome = {
  pid: z.int().optional().describe("process id; this and the fields below only for the token of the broker's own home"),
  home: z.string().optional(),
  url: z.string().optional(),
  streams: z.int().optional().describe("open event streams"),
  lan: lanAccess.optional().describe("how other machines reach the broker; absent: they do not"),
};

const brokerIdentity = z.object({
  version: z.string(),
  name: z.string().describe("user@machine"),
  started_at: time,
  ...forItsHome,
});

/** Who a broker is. */
export type BrokerIdentity = z.output<typeof brokerIdentity>;

export const healthAnswer = brokerIdentity
  .partial()
  .extend({ ok: z.literal(true) })
  .describe("Without a valid token: ok alone.");

/** `/health`: the process lives. Without a `version` the broker did not accept the token. */
export type HealthAnswer = z.output<typeof healthAnswer>;

export const readyAnswer = z.object({
  ready: z.boolean(),
  reasons: z.array(z.string()).optional().describe("why the broker is not ready; only for holders of a token"),
});

/** `/ready`: the broker can do its work (status 200) or cannot (503). */
export type ReadyAnswer = z.output<typeof readyAnswer>;

const unknown = "null while the database does not work";

export const brokerStatus = brokerIdentity.extend({
  ready: z.boolean(),
  reasons: z.array(z.string()).describe("why the broker is not ready"),
  schema: z.int().describe("number of the database's newest migration"),
  uptime_ms: z.number(),
  streams: z.int().describe("open event streams"),
  connections: z.int().describe("open network connections"),
  swept_at: time.nullable().describe("when the last sweep ended"),
  clock: z
    .object({
      confirmed: z.boolean(),
      why: z.string().optional().describe("why it is not"),
      in_ms: z.int().optional().describe("when it will be, if nothing disturbs it again"),
    })
    .describe("not confirmed: nothing is deleted, expired or released, because the time may be wrong"),
  hears_others: z.boolean().nullable().describe("hints of other brokers arrive; null: the broker is alone"),
  store: z.string().optional().describe("the database; only for the broker's own home"),
  peers: z.partialRecord(z.enum(presences), z.int()).nullable().describe(`peers by presence; ${unknown}`),
  messages: z
    .partialRecord(z.enum(deliveryStates), z.int())
    .nullable()
    .describe(`deliveries that are not finished, by state; ${unknown}`),
  for_people: z.int().nullable().describe(`of the queued ones, those to people; ${unknown}`),
  oldest_waiting_ms: z.number().nullable().describe(`age of the oldest queued message, or null; ${unknown}`),
  database_bytes: z.number().nullable().describe(unknown),
});

/** `/status`: what an operator wants to know. */
export type BrokerStatus = z.output<typeof brokerStatus>;
