/** Devices: other machines that hold a token of their own. */
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { hashSecret } from "../platform/secrets.ts";
import { INVITATION_MS, madeBy, resolveDevice, type Scope } from "../rules/devices.ts";
import { pageOf, pageSize, placeAfter } from "../rules/listing.ts";
import { checkNotId, freeName, nameFrom, personAt } from "../rules/names.ts";
import { requireBelow } from "../rules/quotas.ts";
import { deleteLoginsOf } from "../store/browsers.ts";
import {
  allDevices,
  countInvitationsOf,
  type Device,
  listDevices as devicePage,
  endInvitationsOf,
  findInvitation,
  insertDevice,
  insertInvitation,
  updateDevice,
  useInvitation,
} from "../store/devices.ts";
import { sessionsOf } from "../store/peers.ts";
import { findPerson, renamePerson } from "../store/people.ts";
import type { Sql } from "../store/store.ts";
import { type Context, operation } from "./core/operation.ts";
import { deviceShape, scope } from "./support/device-shapes.ts";
import { usedUp } from "./support/invitations.ts";
import { pageInput, pageOutput } from "./support/listing.ts";
import { changePeer } from "./support/presence.ts";
import { forget } from "./support/removal.ts";
import { time } from "./support/shapes.ts";

const name = z.string().min(1).max(200);
const newName = name.describe("name of the machine; '-2' is appended when it is taken");
const known = name.describe("its name, or 4 or more characters of its id");

export const inviteDevice = operation({
  name: "invite_device",
  by: ["operator"],
  repeatable: "never",
  doc: "Creates an invitation: a code with which one other machine can join, once, within 15 minutes. `cct lan-start` and `cct device invite` show it inside a join string.",
  input: z.strictObject({
    scope: scope.optional().describe("what the machine may do: read, post (default) or admin"),
  }),
  output: z.object({ code: z.string(), scope, expires_at: time }),
  async run({ sql, now, newId, device }, input) {
    const code = newId();
    const expires_at = now + INVITATION_MS;
    const granted = input.scope ?? "post";
    await insertInvitation(sql, hashSecret(code), granted, now, expires_at, device?.device_id ?? null);
    return { code, scope: granted, expires_at };
  },
});

export const joinDevice = operation({
  name: "join_device",
  by: ["invitee"],
  repeatable: "never",
  doc: "Exchanges an invitation for a token of the machine's own. The invitation's code is the bearer token of this request. The answer is the only place where the token is shown.",
  input: z.strictObject({ name: newName }),
  output: z.object({ device_id: z.string(), name: z.string(), scope, token: z.string() }),
  async run(context, input) {
    const { caller, sql, now } = context;
    if (caller.kind !== "invitee") throw new CctError("forbidden", "Only a machine with a join string can call this.");
    // The request was authenticated in another transaction; the invitation may have been used since.
    const invitation = await findInvitation(sql, caller.code_hash);
    if (!invitation || invitation.used_at !== null || invitation.expires_at <= now) throw usedUp();
    await useInvitation(sql, caller.code_hash, now);
    return admit(context, input.name, invitation.scope, invitation.made_by);
  },
});

export const addDevice = operation({
  name: "add_device",
  by: ["operator"],
  repeatable: "never",
  cli: "device add <name>",
  example: "device add build-server --scope read",
  doc: "Creates a token without a join string: for a machine that is set up by hand, or for several that share one. It is shown once.",
  input: z.strictObject({ name: newName, scope: scope.optional().describe("read, post (default) or admin") }),
  output: z.object({ device_id: z.string(), name: z.string(), scope, token: z.string() }),
  async run(context, input) {
    checkNotId(input.name, "a device's");
    return admit(context, input.name, input.scope ?? "post", context.device?.device_id ?? null);
  },
});

async function admit(
  { sql, now, newId, limits }: Context,
  wanted: string,
  granted: Scope,
  made_by: string | null,
): Promise<{ device_id: string; name: string; scope: Scope; token: string }> {
  const taken = (await allDevices(sql)).filter(isInUse).map((one) => one.name);
  requireBelow(
    taken.length,
    limits.devices,
    "As many devices have a token as may have one",
    "Revoke one that is not used: cct device list, cct device revoke.",
  );
  const device: Device = {
    device_id: newId(),
    name: freeName(nameFrom(wanted), taken),
    scope: granted,
    created_at: now,
    last_seen: null,
    revoked_at: null,
    made_by,
  };
  const token = newId();
  await insertDevice(sql, device, hashSecret(token));
  return { device_id: device.device_id, name: device.name, scope: granted, token };
}

export const listDevices = operation({
  name: "list_devices",
  isolation: "snapshot",
  by: ["operator"],
  repeatable: "always",
  cli: "device list",
  example: "device list --all",
  doc: "Lists the machines that have a token: what each may do, and when it was last seen.",
  input: z.strictObject({ all: z.boolean().optional().describe("include revoked ones"), ...pageInput }),
  output: z.object({ devices: z.array(deviceShape), ...pageOutput }),
  async run({ sql, limits }, input) {
    const limit = pageSize(input.limit, limits.page);
    const place = placeAfter(input.after, 1);
    const after = place && { created_at: place.numbers[0] ?? 0, device_id: place.id };
    const found = await devicePage(sql, input.all ?? false, after, limit + 1);
    const { page, ...rest } = pageOf(found, limit, (device) => [device.created_at, device.device_id]);
    return {
      ...rest,
      devices: page.map(({ last_seen, revoked_at, made_by, ...device }) => ({
        ...device,
        ...(made_by === null ? {} : { made_by }),
        ...(last_seen === null ? {} : { last_seen }),
        ...(revoked_at === null ? {} : { revoked_at }),
      })),
    };
  },
});

export const revokeDevice = operation({
  name: "revoke_device",
  by: ["operator"],
  repeatable: "never",
  errors: ["not_found", "ambiguous"],
  cli: "device revoke <device>",
  example: "device revoke studio",
  doc: "Revokes a machine's token, at once and for good: its streams end, its sessions go offline. Their mail is kept; mail that waits for the person there ends unread, and its senders are told. Lists the machines that were let in with its token, or with the token of one of those, and counts the open invitations; with `made_too` those are revoked as well.",
  input: z.strictObject({
    device: known,
    made_too: z.boolean().optional().describe("also revoke the machines and invitations that it made"),
  }),
  output: z.object({
    device_id: z.string(),
    name: z.string(),
    made: z.array(z.object({ device_id: z.string(), name: z.string(), scope })).describe("machines that it let in"),
    invitations: z.int().describe("unused invitations that it, or one of those machines, made"),
    made_too: z.boolean().describe("whether these were revoked too"),
  }),
  async run(context, input) {
    const { sql, now, emit } = context;
    const made_too = input.made_too ?? false;
    const all = await allDevices(sql);
    const device = resolveDevice(input.device, made_too ? revocableOnceMore(all) : all.filter(isInUse));
    const made = madeBy(device, all);
    const inUse = made.filter(isInUse);
    const makers = [device, ...made].map((one) => one.device_id);
    const invitations = await countInvitationsOf(sql, makers, now);
    if (made_too) await endInvitationsOf(sql, makers, now);
    for (const one of [device, ...(made_too ? inUse : [])].filter(isInUse)) {
      await updateDevice(sql, { ...one, revoked_at: now });
      await deleteLoginsOf(sql, one.device_id);
      for (const peer of await sessionsOf(sql, one.device_id))
        await changePeer(context, peer, { ...peer, presence: "offline" });
      const person = await findPerson(sql, one.device_id);
      if (person && !person.isRemoved) await forget(context, person.person, "operator");
      emit({ device_id: one.device_id, about: "revoked" });
    }
    return {
      device_id: device.device_id,
      name: device.name,
      made: inUse.map(({ device_id, name, scope }) => ({ device_id, name, scope })),
      invitations,
      made_too,
    };
  },
});

export const renameDevice = operation({
  name: "rename_device",
  by: ["operator"],
  repeatable: "never",
  errors: ["not_found", "ambiguous", "conflict"],
  cli: "device rename <device> <name>",
  example: "device rename studio loft",
  doc: "Renames a machine in the list of devices, and so the person there: operator@<name>. Its sessions keep their names.",
  input: z.strictObject({ device: known, name: name.describe("its new name") }),
  output: z.object({ device_id: z.string(), name: z.string() }),
  async run({ sql }, input) {
    checkNotId(input.name, "a device's");
    const device = await deviceNamed(sql, input.device);
    const others = (await allDevices(sql)).filter((one) => isInUse(one) && one.device_id !== device.device_id);
    const wanted = nameFrom(input.name);
    if (others.some((one) => one.name === wanted)) {
      throw new CctError("conflict", `The name '${wanted}' belongs to another device.`, "Choose another name.");
    }
    await updateDevice(sql, { ...device, name: wanted });
    await renamePerson(sql, device.device_id, personAt(wanted));
    return { device_id: device.device_id, name: wanted };
  },
});

const isInUse = ({ revoked_at }: Device): boolean => revoked_at === null;

/** Also devices that were revoked without what they made, unless one in use has the name now. */
function revocableOnceMore<D extends Device>(all: readonly D[]): D[] {
  const inUse = new Set(all.filter(isInUse).map(({ name }) => name));
  return all.filter((one) => isInUse(one) || !inUse.has(one.name));
}

async function deviceNamed(sql: Sql, ref: string): Promise<Device> {
  return resolveDevice(ref, (await allDevices(sql)).filter(isInUse));
}
