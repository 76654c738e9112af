/** The shape of devices in answers. */
import * as z from "zod";
import { scopes } from "../../rules/devices.ts";
import { time } from "./shapes.ts";

export const scope = z
  .enum(scopes)
  .describe("read: see peers and pools; post: run sessions that talk; admin: everything that the operator may do");

export const deviceShape = z.object({
  device_id: z.string(),
  name: z.string(),
  scope,
  created_at: time,
  last_seen: time.optional(),
  revoked_at: time.optional(),
  made_by: z.string().optional().describe("id of the device that let it in; absent: the broker's own machine did"),
  peers: z.int().describe("its live sessions"),
});
