/** Client outages per fault: the demo's own JSON, several runs, medians. */
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { median } from "./processes.ts";

interface DemoResult {
  readonly passed: boolean;
  readonly mode: string;
  readonly maxSimultaneousActive: number;
  readonly faults: readonly { readonly fault: string; readonly clientOutageMs: number }[];
}

export interface OutageFigures {
  readonly mode: string;
  readonly runs: number;
  readonly passed: boolean;
  readonly maxSimultaneousActive: number;
  /** Median and every reading, per fault. */
  readonly clientOutageMs: Readonly<Record<string, { readonly median: number; readonly all: readonly number[] }>>;
}

export function measureOutages(runs: number): OutageFigures {
  const results: DemoResult[] = [];
  for (let run = 0; run < runs; run++) {
    const main = resolve(import.meta.dirname, "../src/main.ts");
    const { stdout, status } = spawnSync(
      process.execPath,
      [main, "sandbox", "--scenario", "aws-virtual-ip", "--profile", "fast", "--latency", "50", "--json"],
      {
        encoding: "utf8",
        maxBuffer: 1 << 26,
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    const last = stdout.trimEnd().split("\n").at(-1) ?? "";
    if (!last.startsWith("{")) throw new Error(`the demo ended with ${status ?? "a signal"} and no JSON: ${last}`);
    results.push(JSON.parse(last) as DemoResult);
  }
  const readings = new Map<string, number[]>();
  for (const { fault, clientOutageMs } of results.flatMap((result) => result.faults))
    readings.set(fault, [...(readings.get(fault) ?? []), clientOutageMs]);
  return {
    mode: results[0]?.mode ?? "none",
    runs,
    passed: results.every((result) => result.passed),
    maxSimultaneousActive: Math.max(...results.map((result) => result.maxSimultaneousActive)),
    clientOutageMs: Object.fromEntries([...readings].map(([fault, all]) => [fault, { median: median(all), all }])),
  };
}
