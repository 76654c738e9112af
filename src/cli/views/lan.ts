/** What to run on another machine, so that it joins this machine's broker. */
import type { LanAccess } from "../../operations/surface/broker-status.ts";
import { formatFingerprint } from "../../rules/devices.ts";
import { clockTime, paint, type Screen } from "../parts/output.ts";

export const plainHttpWarning = (screen: Screen): string =>
  `${paint(screen, "yellow", "!")} plain HTTP: anyone on the network path can read and change everything\n`;

export const joinWith = (joinString: string, expires_at: number): string =>
  `On the other machine, once, before ${clockTime(expires_at)} UTC:\n\n  cct join ${joinString}\n`;

/** The answer of `cct lan-start`. `shared`: a token for any machine. */
export function lanOpened(
  lan: LanAccess,
  joinString: string,
  expires_at: number,
  shared: { name: string; token: string } | undefined,
  screen: Screen,
): string {
  return [
    `${paint(screen, "green", "✓")} other machines reach this broker at ${lan.addresses.join(", ")}\n`,
    lan.tls ? `  TLS, certificate SHA-256 ${formatFingerprint(lan.fingerprint ?? "")}\n` : plainHttpWarning(screen),
    "\n",
    joinWith(joinString, expires_at),
    "\n",
    ...(shared ? [sharedTokenSettings(lan, shared), "\n"] : []),
    "For one more machine: cct device invite. List the machines: cct device list. To close: cct lan-stop\n",
  ].join("");
}

function sharedTokenSettings(
  { addresses: [first = ""], tls, fingerprint }: LanAccess,
  { name, token }: { name: string; token: string },
): string {
  return [
    `Or, on any machine (until: cct device revoke ${name}):`,
    "",
    `  cct config set broker ${tls ? "" : "http://"}${first}`,
    ...(fingerprint ? [`  cct config set fingerprint ${fingerprint}`] : []),
    `  cct config set token ${token}`,
    "",
  ].join("\n");
}
