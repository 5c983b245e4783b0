import { defineConfig } from "vitest/config";

/**
 * Unit tests sit beside their file and need no cluster. End-to-end tests drive the embedded cluster, one file at a time;
 * those of `kind` need Docker and are run by name only.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["**/*.test.ts"],
          exclude: ["node_modules/**", ".tools/**", ".state/**", "test/**"],
          // Of what never comes. A test that takes a second by itself may take twenty on a busy machine.
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // The servers of tests are on this machine, whatever proxy it has for others.
          env: { NO_PROXY: "127.0.0.1", no_proxy: "127.0.0.1" },
          expect: { poll: { timeout: 30_000 } },
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          globalSetup: ["test/e2e/support/cluster.ts"],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "conformance",
          include: ["test/conformance/**/*.test.ts"],
          globalSetup: ["test/e2e/support/cluster.ts", "test/conformance/support/modules.ts"],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "kind",
          include: ["test/kind/**/*.test.ts"],
          testTimeout: 900_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
