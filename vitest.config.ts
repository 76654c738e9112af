import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/built.ts"],
    // Real processes are started: on a loaded machine a test may take long, and only a hang shall fail it.
    // They wait for those most of the time, so that more than there may be cores run side by side.
    maxWorkers: 3,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
