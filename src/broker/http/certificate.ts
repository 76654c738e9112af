/** Generates the broker's self-signed certificate. Clients pin its fingerprint (TLS pinning), so it needs no CA. */
import "reflect-metadata";
import { webcrypto, X509Certificate } from "node:crypto";
import { BasicConstraintsExtension, PemConverter, X509CertificateGenerator } from "@peculiar/x509";

const LIFETIME_DAYS = 3650;
const DAY_MS = 24 * 3_600_000;

interface GeneratedCertificate {
  /** PEM. */
  cert: string;
  /** PEM, PKCS 8. */
  key: string;
}

/** Generates a P-256 key and a certificate that is valid for ten years. It names no host: clients check the fingerprint. */
export async function makeCertificate(now: number): Promise<GeneratedCertificate> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name: "CN=CCT broker",
      // Clocks of other machines may be behind (clock skew).
      notBefore: new Date(now - DAY_MS),
      notAfter: new Date(now + LIFETIME_DAYS * DAY_MS),
      keys,
      signingAlgorithm: algorithm,
      extensions: [new BasicConstraintsExtension(false, undefined, true)],
    },
    webcrypto,
  );
  const key = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { cert: `${certificate.toString("pem")}\n`, key: `${PemConverter.encode(key, "PRIVATE KEY")}\n` };
}

/** SHA-256 of a PEM certificate, or of the first one in a chain: 64 hexadecimal characters. Throws if there is none. */
export function fingerprintOf(cert: string): string {
  return new X509Certificate(cert).fingerprint256.replaceAll(":", "").toLowerCase();
}
