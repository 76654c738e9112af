/** Connections to a broker whose certificate is known by its fingerprint: nobody else's is spoken to. */
import type { Agent, AgentOptions } from "node:https";
import type { TLSSocket } from "node:tls";
import { CctError } from "../errors.ts";
import { showFingerprint } from "../rules/devices.ts";

/**
 * An agent that accepts only the certificate of that SHA-256; without one, any that the system trusts for the host. Loads
 * TLS now, so that sessions whose broker is on their own machine never do.
 */
export async function secureAgent(options: AgentOptions, fingerprint: string | undefined): Promise<Agent> {
  const [{ Agent }, { connect }] = await Promise.all([import("node:https"), import("node:tls")]);
  if (fingerprint === undefined) return new Agent(options);
  /** Hands a connection over only when the other side has proved that it is the one: no byte of a request is sent before. */
  return new (class extends Agent {
    override createConnection(
      { host, port }: { host?: string; port?: number },
      ready?: (error: Error | null, socket: TLSSocket) => void,
    ): undefined {
      const socket = connect({ host, port, rejectUnauthorized: false, minVersion: "TLSv1.2" });
      const failed = (error: Error): void => {
        socket.destroy();
        ready?.(error, socket);
      };
      socket.once("error", failed);
      socket.once("secureConnect", () => {
        const shown = socket.getPeerX509Certificate()?.fingerprint256.replaceAll(":", "").toLowerCase();
        if (shown !== fingerprint) return failed(otherCertificate(shown, `${host}:${port}`));
        socket.removeListener("error", failed);
        ready?.(null, socket);
      });
    }
  })(options);
}

function otherCertificate(shown: string | undefined, place: string): CctError {
  return new CctError(
    "unauthorized",
    `What answers at ${place} is not the broker that this machine joined: its certificate is another one (${shown ? showFingerprint(shown).slice(0, 29) : "none"}…). Nothing was sent.`,
    "Somebody may be in between, or the broker has a new certificate: ask its owner, and join again with a new join string.",
  );
}
