/**
 * Where mail can stand in what OpenCode gives to a plugin's hooks. A shape that is not known has no place: then no mail is asked
 * for, because what OpenCode drops would count as delivered.
 */

type Put = (mail: string) => void;

/** Beside the result of a tool: what built-in tools return, or the answer of an MCP server. */
export function placeInResult(output: unknown): Put | undefined {
  const result = Object(output);
  if (typeof result.output === "string")
    return (mail) => {
      result.output = `${result.output}\n\n${mail}`;
    };
  const { content } = result;
  // OpenCode cuts a long answer at its end.
  if (Array.isArray(content)) return (mail) => void content.unshift({ type: "text", text: `${mail}\n` });
  return undefined;
}

/** Beside a prompt: a part of its own that OpenCode marks as no words of the user, and does not show as theirs. */
export function placeInPrompt(sessionID: string, output: unknown): Put | undefined {
  const { message, parts } = Object(output);
  const messageID = Object(message).id;
  if (!Array.isArray(parts) || typeof messageID !== "string") return undefined;
  const ids = parts.map((part) => Object(part).id).filter((id) => typeof id === "string");
  const last = ids.sort().at(-1);
  // Parts stand in the order of their ids.
  if (last === undefined || !/^prt_?\w+$/.test(last)) return undefined;
  return (mail) => void parts.push({ id: `${last}0`, sessionID, messageID, type: "text", text: mail, synthetic: true });
}

/** The session whose messages these are. */
export function sessionIn(output: unknown): string | undefined {
  const { messages } = Object(output);
  const { info } = Object(Array.isArray(messages) ? messages.at(-1) : undefined);
  const { sessionID } = Object(info);
  return typeof sessionID === "string" ? sessionID : undefined;
}
