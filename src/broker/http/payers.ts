/**
 * Whom a request is charged to: its token, when that was valid before; otherwise its address. So a program without a token
 * cannot use up what the other callers at its address need. Decided without the store: a flood must cost nothing there.
 */
import type { IncomingMessage } from "node:http";
import { CHALLENGE_HEADER, isChallengeOf, keyIdOf, readChallenge } from "../../platform/proof.ts";
import { addressKey } from "../../rules/throttle.ts";
import { homeHashFor, type Keys } from "./auth.ts";
import { remember } from "./recent.ts";

export interface Payer {
  key: string;
  /** It has shown a valid token. */
  proven: boolean;
}

export interface Payers {
  /** `given`: the hash of the token that the request shows. */
  of(request: IncomingMessage, given: string | undefined): Payer;
  /** Records whether a token is valid. */
  record(given: string | undefined, isValid: boolean): void;
}

/** `known`: hashes of valid tokens, so that a flood cannot keep out those that come back after a start of the broker. */
export function createPayers(keys: Keys, known: readonly string[]): Payers {
  /** Tokens that were valid: the hash for the part of it that a challenge names. */
  const valid = new Map(known.map((hash) => [keyIdOf(hash), hash]));

  /** The hash of a valid token that this request holds. */
  function held(request: IncomingMessage, keyId: string): string | undefined {
    const home = homeHashFor(request, keys);
    if (home !== undefined && keyIdOf(home) === keyId) return home;
    const hash = valid.get(keyId);
    if (hash !== undefined) remember(valid, keyId, hash);
    return hash;
  }

  return {
    of(request, given) {
      if (given !== undefined && held(request, keyIdOf(given)) === given)
        return { key: `token ${given}`, proven: true };
      const challenge = given === undefined ? readChallenge(request.headers[CHALLENGE_HEADER]) : undefined;
      const meant = challenge === undefined ? undefined : held(request, challenge.keyId);
      // A bucket of its own: who has seen a challenge can repeat it, and must not use up the token's.
      if (challenge && meant !== undefined && isChallengeOf(meant, challenge))
        return { key: `proof ${meant}`, proven: true };
      return { key: `address ${addressKey(request.socket.remoteAddress)}`, proven: false };
    },
    record(given, isValid) {
      if (given === undefined) return;
      if (isValid) remember(valid, keyIdOf(given), given);
      else if (valid.get(keyIdOf(given)) === given) valid.delete(keyIdOf(given));
    },
  };
}
