/** Devices: other machines that have a token. */
import type { OutputOf } from "../../operations/index.ts";
import { span } from "../../rules/text.ts";
import { count, type Screen } from "../parts/output.ts";
import { table } from "../parts/table.ts";

export function devices({ devices }: OutputOf<"list_devices">, screen: Screen, now: number): string {
  if (devices.length === 0) return "No other machine has a token. To let one in: cct lan-start\n";
  const rows = devices.map((device) => [
    device.name,
    device.device_id.slice(0, 4),
    device.scope,
    seen(device, now),
    String(device.peers),
  ]);
  return table(screen, [{ heading: "NAME", least: 12, keepBoth: true }, "ID", "MAY", "SEEN", "SESSIONS"], rows);
}

type Device = OutputOf<"list_devices">["devices"][number];

function seen({ last_seen, revoked_at }: Device, now: number): string {
  if (revoked_at !== undefined) return `revoked ${span(now - revoked_at)} ago`;
  return last_seen === undefined ? "never" : `${span(now - last_seen)} ago`;
}

export function addedDevice({ name, scope, token }: OutputOf<"add_device">): string {
  return `${name} may ${scope}. Its token, shown only once:\n\n  ${token}\n`;
}

export function revokedDevice({ device_id, name, made, invitations, made_too }: OutputOf<"revoke_device">): string {
  if (made.length === 0 && invitations === 0) return `Revoked ${name}.\n`;
  const machines = made.map((one) => `${one.name} (${one.device_id.slice(0, 4)}, may ${one.scope})`);
  if (invitations > 0) machines.push(count(invitations, "open invitation"));
  return made_too
    ? `Revoked ${name}, and what it let in: ${machines.join(", ")}.\n`
    : `Revoked ${name}. What it let in stays: ${machines.join(", ")}. To revoke that too: cct device revoke ${device_id.slice(0, 8)} --made-too\n`;
}

export function renamedDevice({ name }: OutputOf<"rename_device">): string {
  return `Renamed to ${name}.\n`;
}
