/** Devices: other machines that have a token. */
import type { OutputOf } from "../../operations/index.ts";
import { span } from "../../rules/text.ts";
import { type Screen, table } from "../parts/output.ts";

export function devices({ devices }: OutputOf<"list_devices">, screen: Screen, now: number): string {
  if (devices.length === 0) return "No other machine has a token. To let one in: cct lan-start\n";
  const rows = devices.map((device) => [
    device.device_id.slice(0, 4),
    device.name,
    device.scope,
    seen(device, now),
    String(device.peers),
  ]);
  return table(screen, ["ID", "NAME", "MAY", "SEEN", "SESSIONS"], rows);
}

type Device = OutputOf<"list_devices">["devices"][number];

function seen({ last_seen, revoked_at }: Device, now: number): string {
  if (revoked_at !== undefined) return `revoked ${span(now - revoked_at)} ago`;
  return last_seen === undefined ? "never" : `${span(now - last_seen)} ago`;
}

export function addedDevice({ name, scope, token }: OutputOf<"add_device">): string {
  return `${name} may ${scope}. Its token, shown only once:\n\n  ${token}\n`;
}

export function revokedDevice({ name }: OutputOf<"revoke_device">): string {
  return `Revoked ${name}.\n`;
}

export function renamedDevice({ name }: OutputOf<"rename_device">): string {
  return `Renamed to ${name}.\n`;
}
