/** `cct open --phone`: the page's link for a phone on the same network, as a QR code. */
import type { Client } from "../../client/client.ts";
import type { LanAccess } from "../../operations/surface/broker-status.ts";
import { CctError } from "../../platform/errors.ts";
import { formatFingerprint } from "../../rules/devices.ts";
import { type Screen, toJson } from "../parts/output.ts";

interface PhoneOptions {
  print?: boolean;
  json?: boolean;
  address?: string;
}

export async function showToPhone(client: Client, screen: Screen, options: PhoneOptions): Promise<void> {
  const about = await client.health();
  if (about?.home === undefined)
    throw new CctError("forbidden", "This broker is on another machine.", "Run cct open --phone there.");
  const { addresses, fingerprint = "" } = openLan(about.lan);
  const place = chosenAddress(addresses, options.address);
  const { code, expires_at } = await client.call("open_page", { phone: true });
  const url = `https://${place}/open#${code}`;
  if (options.json) return screen.write(toJson({ url, fingerprint, expires_at }));
  if (options.print) return screen.write(`${url}\n`);
  const { qrCode } = await import("../parts/qr.ts");
  const others = addresses.filter((one) => one !== place).map(hostOf);
  screen.write(
    [
      "Point the phone's camera at the code below within a minute; it works once. The phone then sees and does what you can on the page here.",
      "Its browser warns that it does not know the certificate, because that is this broker's own. Look at the certificate there, and",
      "accept it only if its SHA-256 fingerprint is this one:",
      `  ${formatFingerprint(fingerprint)}`,
      ...(others.length === 0
        ? []
        : [`If the phone does not reach ${hostOf(place)}: --address ${others.join(" or ")}`]),
      "To log it out: cct browser list, cct browser revoke <browser>",
      "",
      // Last: a small terminal scrolls the rest away, and shows all of it.
      qrCode(url, screen.colour),
    ].join("\n"),
  );
}

const hostOf = (place: string): string => place.replace(/:\d+$/, "");

/** How the network reaches the page. Throws, with the way there, when it does not. */
function openLan(lan: LanAccess | undefined): LanAccess {
  const turnOn = "cct config set page_on_network true, then cct lan-start";
  if (!lan) throw new CctError("conflict", "The broker listens on this machine only, so no phone reaches it.", turnOn);
  if (!lan.tls)
    throw new CctError(
      "conflict",
      "The broker is open to other machines without TLS, and the page needs it.",
      `Start it with TLS: ${turnOn} (without --plain).`,
    );
  if (!lan.page) throw new CctError("conflict", "The page is not open to other machines.", `Open it: ${turnOn}.`);
  if (lan.addresses.length > 0) return lan;
  throw new CctError(
    "unavailable",
    "This machine has no address that others can reach.",
    "Connect it to the network that the phone is in.",
  );
}

/** The broker takes only requests that name one of its own addresses. */
function chosenAddress(addresses: readonly string[], wanted: string | undefined): string {
  const found = wanted === undefined ? addresses[0] : addresses.find((one) => hostOf(one) === wanted || one === wanted);
  if (found !== undefined) return found;
  throw new CctError(
    "bad_request",
    `The broker cannot be reached at '${wanted}'.`,
    `Use one of: ${addresses.map(hostOf).join(", ")}.`,
  );
}
