/** TLS certificate pinning: connects only to brokers whose certificate has a known fingerprint. */
import type { Agent, AgentOptions } from "node:https";
import type { TLSSocket } from "node:tls";
import { formatFingerprint } from "../rules/devices.ts";
import { NoAnswerError } from "./no-answer.ts";

/** As long as the longest connect timeout of a call, so that abandoned connections close. */
const CONNECT_MS = 15_000;

/**
 * An agent that accepts only certificates with one of these SHA-256 fingerprints; without any, those that the system
 * trusts for the host. TLS is loaded here, so that a session with a local broker never loads it.
 */
export async function secureAgent(options: AgentOptions, fingerprints: readonly string[] | undefined): Promise<Agent> {
  const [{ Agent }, { connect }] = await Promise.all([import("node:https"), import("node:tls")]);
  if (fingerprints === undefined) return new Agent(options);
  /** Hands a connection over only after the certificate was checked, so no byte of a request reaches an impostor. */
  return new (class extends Agent {
    /** Connections not yet handed over. `destroy` must close them, or they keep the process alive. */
    readonly #connecting = new Set<TLSSocket>();
    override destroy(): void {
      for (const socket of this.#connecting) socket.destroy();
      super.destroy();
    }
    override createConnection(
      { host, port }: { host?: string; port?: number },
      ready?: (error: Error | null, socket: TLSSocket) => void,
    ): undefined {
      const socket = connect({ host, port, rejectUnauthorized: false, minVersion: "TLSv1.2" });
      this.#connecting.add(socket);
      socket.once("close", () => this.#connecting.delete(socket));
      const failed = (error: Error): void => {
        socket.destroy();
        ready?.(error, socket);
      };
      socket.setTimeout(CONNECT_MS, () => failed(new Error("TLS handshake timed out")));
      socket.once("error", failed);
      socket.once("secureConnect", () => {
        const shown = socket.getPeerX509Certificate()?.fingerprint256.replaceAll(":", "").toLowerCase();
        if (shown === undefined || !fingerprints.includes(shown))
          return failed(otherCertificate(shown, `${host}:${port}`));
        this.#connecting.delete(socket);
        socket.setTimeout(0);
        socket.removeListener("error", failed);
        ready?.(null, socket);
      });
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
