/** Secret detection by secretlint's recommended rules. Loaded at the first check, because it costs 100 ms and 3 MiB. */
import { lintSource } from "@secretlint/core";
import { creator } from "@secretlint/secretlint-rule-preset-recommend";

export interface Found {
  /** `GITHUB_TOKEN`, `PrivateKey` … */
  kind: string;
  line: number;
}

/** Finds strings in `content` that look like keys; returns kind and line, never the value. */
export async function findKeys(content: string): Promise<Found[]> {
  const { messages } = await lintSource({
    source: { content, filePath: "message.txt", ext: ".txt", contentType: "text" },
    options: {
      noPhysicFilePath: true,
      maskSecrets: true,
      config: {
        rules: [
          {
            id: "keys",
            rule: creator,
            // Off by default in secretlint, since an AWS key id alone grants nothing; its owner still wants to know.
            rules: [{ id: "@secretlint/secretlint-rule-aws", options: { enableIDScanRule: true } }],
          },
        ],
      },
    },
  });
  return messages.map((one) => ({ kind: one.messageId, line: one.loc.start.line }));
}
