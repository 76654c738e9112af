/** Loads the certificate for connections from other machines, and generates one at the first start. */
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { Config } from "../../platform/config.ts";
import { CctError, errorLine, systemCode } from "../../platform/errors.ts";
import { readTrusted, writeWhole } from "../../platform/files.ts";
import { paths } from "../../platform/home.ts";
import type { World } from "../../platform/world.ts";
import type { Tls } from "./listeners.ts";

/** The configured certificate, or the home's own. Throws `bad_request` if it cannot be used. */
export async function loadCertificate(world: World, config: Config): Promise<Tls & { fingerprint: string }> {
  // Only a broker that other machines can reach needs this library, which is slow to load.
  const { fingerprintOf, makeCertificate } = await import("./certificate.ts");
  const place = paths(config.home);
  const isConfigured = config.cert !== undefined && config.key !== undefined;
  const [certPath, keyPath] = [config.cert ?? place.cert, config.key ?? place.key];
  try {
    if (!isConfigured && (readTrusted(place.cert) === undefined || readTrusted(place.key) === undefined)) {
      const made = await makeCertificate(world.now());
      writeWhole(place.key, made.key, world.newId());
      writeWhole(place.cert, made.cert, world.newId());
    }
    const read = (path: string): string => (isConfigured ? readFileSync(path, "utf8") : (readTrusted(path) ?? ""));
    const [cert, key] = [read(certPath), read(keyPath)];
    // Throws if they do not belong together.
    createSecureContext({ cert, key });
    return { cert, key, fingerprint: fingerprintOf(cert) };
  } catch (error) {
    throw new CctError(
      "bad_request",
      `The certificate ${certPath} and its key ${keyPath} cannot be used (${systemCode(error) ?? errorLine(error)}).`,
      isConfigured
        ? "Check the settings 'cert' and 'key': both in PEM, the key without a passphrase."
        : "Remove both files to get new ones; other machines then have to join again.",
    );
  }
}
