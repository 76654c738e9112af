/** The broker's certificate: made once, signed by itself, and known by its fingerprint. */
import "reflect-metadata";
import { webcrypto, X509Certificate } from "node:crypto";
import { BasicConstraintsExtension, PemConverter, X509CertificateGenerator } from "@peculiar/x509";

const LIFE_DAYS = 3650;
const DAY_MS = 24 * 3_600_000;

export interface MadeCertificate {
  /** PEM. */
  cert: string;
  /** PEM, PKCS 8. */
  key: string;
}

/** A new key (P-256) and a certificate of ten years. Whoever pins its fingerprint needs no name in it. */
export async function makeCertificate(now: number): Promise<MadeCertificate> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name: "CN=CCT broker",
      // Clocks of other machines may be behind.
      notBefore: new Date(now - DAY_MS),
      notAfter: new Date(now + LIFE_DAYS * DAY_MS),
      keys,
      signingAlgorithm: algorithm,
      extensions: [new BasicConstraintsExtension(false, undefined, true)],
    },
    webcrypto,
  );
  const key = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { cert: `${certificate.toString("pem")}\n`, key: `${PemConverter.encode(key, "PRIVATE KEY")}\n` };
}

/** SHA-256 of a certificate in PEM (the first, of several), 64 hexadecimal characters. Throws when it is none. */
export function fingerprintOf(cert: string): string {
  return new X509Certificate(cert).fingerprint256.replaceAll(":", "").toLowerCase();
}
