/** What a scenario measured, and how it is said: as one JSON object and as a table for people. Pure. */
import type { SandboxMode } from "../network/fabric.ts";

export interface FaultResult {
  readonly fault: string;
  /** Who was active before and after. */
  readonly from: string;
  readonly to: string;
  /** From the fault to the first state of the group (or route) that shows it, in ms; undefined: never. */
  readonly detectedMs: number | undefined;
  /** From the fault to a group that is Ready (or a route that is right) again, in ms; undefined: never. */
  readonly activatedMs: number | undefined;
  readonly clientOutageMs: number | undefined;
  /** Longest outage that passes, in ms. */
  readonly boundMs: number;
  /** What the product aims at, where that is tighter than the bound. */
  readonly targetMs: number;
  /** Step times of `status.history`, as the product says them. */
  readonly steps: Readonly<Record<string, string>>;
  /** What went wrong, as sentences; empty: passed. */
  readonly problems: readonly string[];
}

export interface ScenarioResult {
  readonly scenario: string;
  readonly mode: SandboxMode;
  readonly faults: readonly FaultResult[];
  readonly maxSimultaneousActive: number;
  readonly leaseDurationMs: number;
  /** What was only imitated on this machine, each a clause. */
  readonly notReal: readonly string[];
  /** What went wrong outside a single fault. */
  readonly problems: readonly string[];
}

export function hasPassed(result: ScenarioResult): boolean {
  const faultsPassed = result.faults.every((fault) => fault.problems.length === 0);
  return faultsPassed && result.problems.length === 0 && result.maxSimultaneousActive === 1;
}

/** The object of `--json`. Whole milliseconds; null where something never happened. */
export function resultJson(result: ScenarioResult): string {
  return JSON.stringify(resultObject(result));
}

export function resultObject(result: ScenarioResult): Readonly<Record<string, unknown>> {
  const whole = (ms: number | undefined): number | null => (ms === undefined ? null : Math.round(ms));
  return {
    scenario: result.scenario,
    mode: result.mode,
    passed: hasPassed(result),
    faults: result.faults.map(({ fault, from, to, detectedMs, activatedMs, clientOutageMs }) => ({
      fault,
      from,
      to,
      detectedMs: whole(detectedMs),
      activatedMs: whole(activatedMs),
      clientOutageMs: whole(clientOutageMs),
    })),
    maxSimultaneousActive: result.maxSimultaneousActive,
    leaseDurationMs: result.leaseDurationMs,
    ...(result.notReal.length === 0 ? {} : { notReal: result.notReal }),
  };
}

const COLUMNS = ["fault", "moved", "detected", "active again", "client outage", "target", ""] as const;

/** The table at the end, one line per fault, with the steps beneath it. */
export function summaryLines(result: ScenarioResult): string[] {
  const rows = result.faults.map((fault) => [
    fault.fault,
    fault.from === fault.to ? `stays on ${fault.to}` : `${fault.from} -> ${fault.to}`,
    secondsText(fault.detectedMs),
    secondsText(fault.activatedMs),
    secondsText(fault.clientOutageMs),
    `<= ${secondsText(fault.targetMs)}`,
    verdict(fault),
  ]);
  const widths = COLUMNS.map((title, index) => Math.max(title.length, ...rows.map((row) => row[index]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `  ${cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join("  ")}`.trimEnd();
  return [line(COLUMNS), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)];
}

function verdict(fault: FaultResult): string {
  if (fault.problems.length > 0) return "FAILED";
  return (fault.clientOutageMs ?? Infinity) <= fault.targetMs ? "ok" : `passed (bound ${secondsText(fault.boundMs)})`;
}

export function secondsText(ms: number | undefined): string {
  if (ms === undefined) return "never";
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(2)} s`;
}
