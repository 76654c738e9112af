/** How devices are shown. */
import * as z from "zod";
import { scopes } from "../../rules/devices.ts";
import { time } from "./shapes.ts";

export const scope = z
  .enum(scopes)
  .describe("read: see who is there; post: have sessions that talk; admin: all that the operator may");

export const deviceShape = z.object({
  device_id: z.string(),
  name: z.string(),
  scope,
  created_at: time,
  last_seen: time.optional(),
  revoked_at: time.optional(),
  peers: z.int().describe("sessions of it that are here now"),
});
