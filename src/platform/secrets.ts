/** Hashes of tokens and secrets, and their comparison. */
import { createHmac, hash, timingSafeEqual } from "node:crypto";

/**
 * SHA-256 of a token or secret: the key of its proofs, and the form in which the broker stores it. They have 128 random
 * bits, so one fast hash is enough.
 */
export const hashSecret = (secret: string): string => hash("sha256", secret);

/** Compares in constant time. */
export function isSame(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

/** HMAC-SHA256 in base64. The key is in base64, also after `whsec_`, as Standard Webhooks has it. */
export const signBody = (key: string, text: string): string =>
  createHmac("sha256", Buffer.from(key.replace(/^whsec_/, ""), "base64"))
    .update(text)
    .digest("base64");
