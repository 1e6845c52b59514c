/** Suites with real processes, namespaces and packets: one file at a time, generous limits. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/integration/**/*.test.ts"],
    testTimeout: 180_000,
    hookTimeout: 60_000,
    // Real processes against real clocks on a machine that others use: what failed once and passed is reported as retried.
    retry: 1,
    pool: "forks",
    fileParallelism: false,
  },
});
