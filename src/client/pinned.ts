/** Connections to brokers whose certificates are known by their fingerprints: nobody else's is spoken to. */
import type { Agent, AgentOptions } from "node:https";
import type { TLSSocket } from "node:tls";
import { showFingerprint } from "../rules/devices.ts";
import { Unanswered } from "./unanswered.ts";

/** Nobody waits longer for a connection; one that was given up is not left open. */
const CONNECT_MS = 15_000;

/**
 * An agent that accepts only a certificate of one of these SHA-256; without any, all that the system trusts for the host. Loads
 * TLS now, so that sessions whose broker is on their own machine never do.
 */
export async function secureAgent(options: AgentOptions, fingerprints: readonly string[] | undefined): Promise<Agent> {
  const [{ Agent }, { connect }] = await Promise.all([import("node:https"), import("node:tls")]);
  if (fingerprints === undefined) return new Agent(options);
  /** Hands a connection over only when the other side has proved that it is the one: no byte of a request is sent before. */
  return new (class extends Agent {
    /** Not yet handed over, so that nobody else knows of them: a command that has given up must not wait for them. */
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
      socket.setTimeout(CONNECT_MS, () => failed(new Error("no handshake in time")));
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

function otherCertificate(shown: string | undefined, place: string): Unanswered {
  return new Unanswered(
    "unauthorized",
    `What answers at ${place} is not the broker that this machine joined: its certificate is another one (${shown ? showFingerprint(shown).slice(0, 29) : "none"}…). Nothing was sent.`,
    "Somebody may be in between, or the broker has a new certificate: ask its owner, and join again with a new join string.",
    { unheard: true },
  );
}
