/** Reads request bodies as JSON, within a limit for each and a memory budget for all that arrive at the same time. */
import type { IncomingMessage } from "node:http";
import { CctError } from "../../platform/errors.ts";
import { createMemoryBudget } from "./memory.ts";

/** A message text of 64 KiB with every character escaped to six, and room for the other fields. */
const MAX_BODY_BYTES = 512 * 1024;
const MAX_TOTAL_BYTES = 64 * 1024 * 1024;

/** Reads the JSON body of a request of `payer`, of `most` bytes; an empty one is `{}`. */
export type BodyReader = (request: IncomingMessage, payer: string, most?: number) => Promise<unknown>;

/** JSON is UTF-8; what calls itself otherwise would be read as something that it is not. */
const JSON_TYPE = /^application\/json\s*(?:;\s*charset="?utf-8"?\s*)?$/i;

export function createBodyReader(): BodyReader {
  const arriving = createMemoryBudget(MAX_TOTAL_BYTES);

  /** By events: an async iterator costs 7 µs more. */
  function readBytes(request: IncomingMessage, payer: string, most: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      let hasEnded = false;
      function take(chunk: Buffer): void {
        if (hasEnded) return;
        bytes += chunk.length;
        arriving.take(payer, chunk.length);
        chunks.push(chunk);
        if (bytes > most) end(tooLarge(most));
        else if (!arriving.allows(payer))
          end(
            new CctError("rate_limited", "Too many large requests are arriving.", "Wait a second, then send it again."),
          );
      }
      /** Its listeners stay: to take them off costs more than to be called again. */
      function end(error?: CctError): void {
        if (hasEnded) return;
        hasEnded = true;
        arriving.take(payer, -bytes);
        if (!error) {
          const [first] = chunks;
          resolve(first && chunks.length === 1 ? first : Buffer.concat(chunks));
          return;
        }
        // What still comes is thrown away, so that the client reads the answer.
        request.resume();
        reject(error);
      }
      // The client closed the connection: nobody reads the answer, and it is not an error of the broker.
      const cut = (): void => {
        if (!hasEnded) end(new CctError("bad_request", "The body is incomplete.", "Send it again."));
      };
      // An error is followed by `close`.
      request.on("error", () => {});
      request.on("data", take).on("end", end).on("close", cut);
      if (request.destroyed) cut();
    });
  }

  return async (request, payer, most = MAX_BODY_BYTES) => {
    if (!JSON_TYPE.test(request.headers["content-type"] ?? ""))
      throw new CctError("bad_request", "The body must be JSON.", "Send it with content-type: application/json.");
    const body = await readBytes(request, payer, most);
    return body.length === 0 ? {} : parseJson(decodeUtf8(body));
  };
}

const tooLarge = (most: number): CctError =>
  new CctError(
    "too_large",
    `The body is larger than ${most} bytes.`,
    most < MAX_BODY_BYTES ? "Send what the input needs, and no more." : "A message's text has 64 KiB at most.",
  );

const utf8 = new TextDecoder("utf-8", { fatal: true });

function decodeUtf8(body: Buffer): string {
  try {
    return utf8.decode(body);
  } catch {
    throw new CctError("bad_request", "The body is not valid UTF-8.", "Encode it as UTF-8.");
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CctError("bad_request", "The body is not valid JSON.", "Check quotes, commas and brackets.");
  }
}
