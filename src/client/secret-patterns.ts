/** The kept list of what keys look like: secretlint's recommended rules. A bundle of its own (scripts/build.mjs), loaded at the first check. */
import { lintSource } from "@secretlint/core";
import { creator } from "@secretlint/secretlint-rule-preset-recommend";

export interface Found {
  /** `GITHUB_TOKEN`, `PrivateKey` … */
  kind: string;
  line: number;
}

/** What looks like a key in `content`. Never the value: only its kind and its line. */
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
            // Off by default there, since an id alone opens nothing; yet its owner wants to know that it leaves.
            rules: [{ id: "@secretlint/secretlint-rule-aws", options: { enableIDScanRule: true } }],
          },
        ],
      },
    },
  });
  return messages.map((one) => ({ kind: one.messageId, line: one.loc.start.line }));
}
