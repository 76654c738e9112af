/** Hashes of tokens and secrets, and their comparison. */
import { hash, timingSafeEqual } from "node:crypto";

/**
 * SHA-256 of a token or secret: the key of its proofs, and the form in which the broker stores it. They have 128 random
 * bits, so one fast hash is enough.
 */
export const hashSecret = (secret: string): string => hash("sha256", secret);

/** Compares in constant time. */
export function isSame(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
