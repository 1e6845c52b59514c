/** Plays a scenario of the sandbox as a user would: namespaces where they can be made, else loopback mode. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { whyNoNamespaces } from "../../src/sandbox/launcher/namespaces.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

export interface Played {
  readonly code: number;
  readonly output: string;
  /** The last line of standard output. */
  readonly result: Record<string, unknown>;
}

/** `probeId`: six hex digits of the test's own, for trying whether there are namespaces. */
export async function modeFor(probeId: string): Promise<"namespaces" | "loopback"> {
  return (await whyNoNamespaces(probeId)) === undefined ? "namespaces" : "loopback";
}

export function playScenario(scenario: string, mode: string): Promise<Played> {
  const argv = [MAIN, "sandbox", "--scenario", scenario, "--mode", mode, "--json"];
  return new Promise((resolve) => {
    execFile(process.execPath, argv, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      const output = code === 0 ? stdout : `${stdout}\n${stderr}`;
      const last = output.split("\n").findLast((line) => line.startsWith('{"scenario"'));
      resolve({ code, output, result: JSON.parse(last ?? "{}") as Record<string, unknown> });
    });
  });
}
