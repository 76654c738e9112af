/** TLS certificate pinning: connects only to brokers whose certificate has a known fingerprint. */
import type { Agent, AgentOptions } from "node:https";
import { formatFingerprint } from "../rules/devices.ts";
import { createHandshakes, type Place, type Ready } from "./handshake.ts";
import { NoAnswerError } from "./no-answer.ts";

/**
 * An agent that accepts only certificates with one of these SHA-256 fingerprints; without any, those that the system
 * trusts for the host. TLS is loaded here, so that a session with a local broker never loads it.
 */
export async function secureAgent(options: AgentOptions, fingerprints: readonly string[] | undefined): Promise<Agent> {
  const [{ Agent }, { connect }] = await Promise.all([import("node:https"), import("node:tls")]);
  if (fingerprints === undefined) return new Agent(options);
  const handshakes = createHandshakes();
  return new (class extends Agent {
    override destroy(): void {
      handshakes.destroy();
      super.destroy();
    }
    override createConnection({ host, port }: Place, ready?: Ready): undefined {
      const socket = connect({ host, port, rejectUnauthorized: false, minVersion: "TLSv1.2" });
      handshakes.begin(
        socket,
        (_socket, done) =>
          socket.once("secureConnect", () => {
            const shown = socket.getPeerX509Certificate()?.fingerprint256.replaceAll(":", "").toLowerCase();
            const isOurs = shown !== undefined && fingerprints.includes(shown);
            done(isOurs ? undefined : otherCertificate(shown, `${host}:${port}`));
          }),
        ready,
      );
    }
  })(options);
}

function otherCertificate(shown: string | undefined, place: string): NoAnswerError {
  return new NoAnswerError(
    "unauthorized",
    `The server at ${place} is not the broker that this machine joined: its certificate differs (${shown ? formatFingerprint(shown).slice(0, 29) : "none"}…). Nothing was sent.`,
    "Either somebody intercepts the connection or the broker has a new certificate: ask its owner, then join again with a new join string.",
    { notReceived: true },
  );
}
