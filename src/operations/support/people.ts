/** People as participants: the operator at the broker's own machine, and the person at each other machine that may post. */
import { CctError } from "../../platform/errors.ts";
import { resolvePeer, splitHost } from "../../rules/address.ts";
import { allows } from "../../rules/devices.ts";
import { isPerson, OPERATOR_NAME, personAt } from "../../rules/names.ts";
import { type Device, deviceInUse, deviceNamed, holdDevice } from "../../store/devices.ts";
import { findFormer, type Peer } from "../../store/peers.ts";
import { findPerson, insertPerson } from "../../store/people.ts";
import type { Sql } from "../../store/store.ts";
import type { Context } from "../core/operation.ts";
import { peerNamed } from "./references.ts";

/** A sender or recipient: a peer or a person. */
export interface Participant {
  peer_id: string;
  name: string;
}

/** The participant that makes a call. Without a peer's credentials it is the person at the machine that the call comes from. */
export function participantOf({ caller, device }: Pick<Context, "caller" | "device">): Participant {
  if (caller.kind === "peer") return caller.peer;
  if (device === undefined) return { peer_id: OPERATOR_NAME, name: OPERATOR_NAME };
  return { peer_id: device.device_id, name: personAt(device.name) };
}

/** Whose messages the caller may see; `undefined`: everybody's. */
export const seesOnly = (context: Pick<Context, "caller" | "device">): string | undefined =>
  context.caller.kind === "operator" ? undefined : participantOf(context).peer_id;

const mayHaveMail = (device: Device | undefined): device is Device =>
  device !== undefined && allows(device.scope, "post");

/** The mailbox of the person with this id, made when it is first needed; `undefined` when the machine was shut out. */
export async function mailboxOfPerson(sql: Sql, id: string, now: number): Promise<Peer | undefined> {
  const known = await findPerson(sql, id);
  if (known) return known.isRemoved ? undefined : known.person;
  if (id === OPERATOR_NAME) await insertPerson(sql, id, OPERATOR_NAME, now);
  else {
    const device = await deviceInUse(sql, id);
    if (!mayHaveMail(device) || !(await holdDevice(sql, id))) return undefined;
    await insertPerson(sql, id, personAt(device.name), now);
  }
  return (await findPerson(sql, id))?.person;
}

/** The peer or the person that a reference means. */
export async function addresseeNamed(context: Pick<Context, "sql" | "now" | "caller">, ref: string): Promise<Peer> {
  const { sql, now } = context;
  const wanted = ref.trim();
  if (!isPerson(wanted)) return peerNamed(context, wanted);
  const { host } = splitHost(wanted);
  const device = host === undefined ? undefined : await deviceNamed(sql, host);
  const id = host === undefined ? OPERATOR_NAME : mayHaveMail(device) ? device.device_id : undefined;
  const person = id === undefined ? undefined : await mailboxOfPerson(sql, id, now);
  if (person) return person;
  throw new CctError(
    "not_found",
    `There is nobody at '${ref.slice(0, 120)}'.`,
    "'operator' is the person at the broker's machine; 'operator@' and a device's name is the one at that device, if it may post.",
  );
}

/** The same for history: if there is none, a removed one. */
export async function participantEverNamed(
  context: Pick<Context, "sql" | "now" | "caller">,
  ref: string,
): Promise<{ peer_id: string }> {
  try {
    return await addresseeNamed(context, ref);
  } catch (error) {
    if (!(error instanceof CctError) || error.code !== "not_found") throw error;
    const wanted = ref.trim();
    const former = await findFormer(context.sql, isPerson(wanted) ? wanted : splitHost(wanted).name);
    const [latest] = former;
    if (!latest) throw error;
    return isPerson(wanted) ? latest : resolvePeer(wanted, former);
  }
}
