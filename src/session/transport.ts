/** A transport that can do something after an answer has left the process: only then mail in it counts as shown. */
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { RequestId } from "@modelcontextprotocol/sdk/types.js";

export interface AnswerTransport extends Transport {
  /** Runs `action` after the answer to the request `id` was sent. */
  afterAnswer(id: RequestId, action: () => void): void;
}

export function answerTransport(inner: Transport): AnswerTransport {
  const actions = new Map<RequestId, () => void>();
  const transport: AnswerTransport = {
    afterAnswer: (id, action) => void actions.set(id, action),
    async start() {
      inner.onclose = () => transport.onclose?.();
      inner.onerror = (error) => transport.onerror?.(error);
      inner.onmessage = (message, extra) => transport.onmessage?.(message, extra);
      await inner.start();
    },
    async send(message, options) {
      await inner.send(message, options);
      if (!("id" in message) || message.id === undefined) return;
      const action = actions.get(message.id);
      actions.delete(message.id);
      action?.();
    },
    close: () => inner.close(),
  };
  return transport;
}
