/** A network namespace that lives as long as one test; needs root and iproute2. */
import { execFile, execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface TestNamespace {
  readonly name: string;
  /** Prefix that runs `ip` inside: `ip -n NAME`. */
  readonly command: readonly [string, ...string[]];
  close(): Promise<void>;
}

function reason(): string | undefined {
  if (process.getuid?.() !== 0) return " (skipped: needs root)";
  const name = `us-test-${randomUUID().slice(0, 8)}`;
  try {
    execFileSync("ip", ["netns", "add", name], { stdio: "ignore" });
    execFileSync("ip", ["netns", "del", name], { stdio: "ignore" });
    return undefined;
  } catch {
    return " (skipped: ip cannot make a network namespace here)";
  }
}

/** Why there are no namespaces on this machine; undefined when there are. */
export const namespaceReason: string | undefined = reason();

export async function inNamespace(): Promise<TestNamespace> {
  const name = `us-test-${randomUUID().slice(0, 8)}`;
  await run("ip", ["netns", "add", name]);
  await run("ip", ["-n", name, "link", "set", "lo", "up"]);
  return {
    name,
    command: ["ip", "-n", name],
    close: async () => {
      await run("ip", ["netns", "del", name]);
    },
  };
}
