/**
 * Plain HTTP connections on which the broker proves that it knows our token, before the token or a peer's secret is
 * written. Any program of this machine can listen on the port of a broker that has just died, and would otherwise be
 * shown them. One round trip per connection; kept connections stay proven.
 */
import { Agent, type AgentOptions } from "node:http";
import { connect } from "node:net";
import { addressOf, CHALLENGE_HEADER, challengeFor, isProof, PROOF_PATH, type Proof } from "../platform/proof.ts";
import { hashSecret } from "../platform/secrets.ts";
import type { Access } from "./access.ts";
import { createHandshakes, type Place, type Ready } from "./handshake.ts";
import { NoAnswerError } from "./no-answer.ts";

/** A proof and its headers have about 300 bytes. */
const MAX_ANSWER_BYTES = 4_096;

/** An agent whose connections are proven before they are used. `nonce`: 32 hexadecimal characters that never repeat. */
export function provenAgent(options: AgentOptions, access: () => Access, nonce: () => string): Agent {
  const handshakes = createHandshakes();
  return new (class extends Agent {
    override destroy(): void {
      handshakes.destroy();
      super.destroy();
    }
    override createConnection({ host, port }: Place, ready?: Ready): undefined {
      const place = addressOf(host, port);
      const { token, forwardedTo = [] } = access();
      const socket = connect({ host, port: Number(port), noDelay: true });
      handshakes.begin(
        socket,
        (_socket, done) => {
          if (token === "") return done(noToken(place));
          const hash = hashSecret(token);
          const mine = nonce();
          socket.once("connect", () => {
            socket.write(
              `GET ${PROOF_PATH} HTTP/1.1\r\nHost: ${place}\r\n${CHALLENGE_HEADER}: ${challengeFor(hash, mine)}\r\n\r\n`,
            );
          });
          let text = "";
          socket.on("data", function read(chunk: Buffer) {
            text += chunk.toString("latin1");
            const proof = parseAnswer(text, place);
            if (!proof) return;
            socket.off("data", read);
            if (proof instanceof Error) return done(proof);
            if (!isProof(hash, mine, proof)) return done(unproven(place, "its proof is wrong"));
            const reached = addressOf(socket.remoteAddress, socket.remotePort);
            const isHere = proof.address === reached || forwardedTo.includes(proof.address);
            done(isHere ? undefined : forwarded(place, proof.address));
          });
        },
        ready,
      );
    }
  })(options);
}

/**
 * One HTTP answer and nothing after it; `undefined` while a part is missing. No text of a server that has proved nothing
 * gets into an error: a model may read it.
 */
function parseAnswer(text: string, place: string): Proof | NoAnswerError | undefined {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd < 0 && text.length <= MAX_ANSWER_BYTES) return undefined;
  const [head, body] = [text.slice(0, headEnd), text.slice(headEnd + 4)];
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0);
  if (headEnd < 0 || status !== 200) return notProven(place, status);
  if (/^connection: *close/im.test(head)) return busy(place);
  const length = Number(/^content-length: *(\d+) *$/im.exec(head)?.[1] ?? -1);
  if (length < 0 || length > MAX_ANSWER_BYTES || body.length > length) return notProven(place, 0);
  return body.length < length ? undefined : parseProof(body, place);
}

function parseProof(body: string, place: string): Proof | NoAnswerError {
  try {
    const { address, proof }: { address?: unknown; proof?: unknown } = Object(JSON.parse(body));
    if (typeof proof === "string" && typeof address === "string" && /^[0-9a-f.:[\]]{3,60}$/.test(address))
      return { address, proof };
  } catch {
    // Not a broker's answer.
  }
  return notProven(place, 0);
}

function notProven(place: string, status: number): NoAnswerError {
  if (status === 429 || status === 503) return busy(place);
  return unproven(place, reasons[status] ?? "it is not a CCT broker");
}

/** What a broker means by a status. */
const reasons: Readonly<Record<number, string>> = {
  400: "it is not a CCT broker, or it speaks TLS: then use https",
  401: "it does not know this machine's token",
};

/** `timedOut`: something is there, so this is not "nothing listens". */
function unproven(place: string, why: string): NoAnswerError {
  return new NoAnswerError(
    "unavailable",
    `What answers at ${place} does not prove that it is the broker of this token (${why}). It was sent no secret.`,
    "Another program or another home's broker may use the port: cct config set port <number>. After an upgrade, restart the broker: cct kill, then cct start. On a machine that joined a broker: ask for a new join string.",
    { notReceived: true, timedOut: true },
  );
}

function forwarded(place: string, address: string): NoAnswerError {
  return new NoAnswerError(
    "unavailable",
    `The connection to ${place} is forwarded to a broker that listens on ${address}. It was sent no secret.`,
    `If the tunnel or port mapping is yours: cct config set forwarded_to ${address}`,
    { notReceived: true, timedOut: true },
  );
}

function busy(place: string): NoAnswerError {
  return new NoAnswerError(
    "unavailable",
    `The broker at ${place} is too busy, or shutting down. It was sent no secret.`,
    "Try again in a second.",
    { notReceived: true, timedOut: true },
  );
}

function noToken(place: string): NoAnswerError {
  return new NoAnswerError(
    "unauthorized",
    `This machine has no token for the broker at ${place}, so nothing was sent.`,
    "Join it with a join string, or set the token: cct config set token <token>.",
    { notReceived: true },
  );
}
