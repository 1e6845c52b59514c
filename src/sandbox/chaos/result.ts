/** What chaos measured, and how it is said: as one JSON object and as a table with a histogram for people. Pure. */
import { secondsText } from "../report/result.ts";
import { histogram, HISTOGRAM_MS, percentile } from "./outages.ts";

/** One fault, or two that overlapped, and what came of it. */
export interface ChapterResult {
  readonly name: string;
  readonly boundMs: number;
  /** Undefined: the service did not come back. */
  readonly outageMs: number | undefined;
  /** What went wrong, as sentences. */
  readonly problems: readonly string[];
}

export interface ChaosResult {
  readonly seed: number;
  readonly chapters: readonly ChapterResult[];
  readonly maxSimultaneousActive: number;
  /** What went wrong outside a single chapter. */
  readonly problems: readonly string[];
}

export interface FaultSummary {
  readonly fault: string;
  readonly count: number;
  /** Null: the service did not come back after one of them. */
  readonly outageMsP50: number | null;
  readonly outageMsP99: number | null;
  /** Of the longest one of this kind, since some bounds depend on how long the fault lasts. */
  readonly boundMs: number;
}

export function hasPassed(result: ChaosResult): boolean {
  const isClean = result.problems.length === 0 && result.chapters.every((chapter) => chapter.problems.length === 0);
  return isClean && result.chapters.length > 0 && result.maxSimultaneousActive === 1;
}

/** Per fault, sorted by name; whole milliseconds. */
export function faultSummaries(chapters: readonly ChapterResult[]): FaultSummary[] {
  return [...byName(chapters)].map(([fault, all]) => {
    const outages = all.map((chapter) => chapter.outageMs ?? Infinity);
    const whole = (ms: number | undefined): number | null =>
      ms === undefined || !Number.isFinite(ms) ? null : Math.round(ms);
    return {
      fault,
      count: all.length,
      outageMsP50: whole(percentile(outages, 0.5)),
      outageMsP99: whole(percentile(outages, 0.99)),
      boundMs: Math.round(Math.max(...all.map((chapter) => chapter.boundMs))),
    };
  });
}

/** The object of `--json`. */
export function chaosJson(result: ChaosResult): string {
  return JSON.stringify({
    passed: hasPassed(result),
    maxSimultaneousActive: result.maxSimultaneousActive,
    seed: result.seed,
    faults: faultSummaries(result.chapters),
  });
}

/** One line per fault: how often, how long, and a digit per class of the histogram. */
export function histogramLines(chapters: readonly ChapterResult[]): string[] {
  const classes = [...HISTOGRAM_MS.map((end) => `<${shortText(end)}`), `>${shortText(HISTOGRAM_MS.at(-1) ?? 0)}`];
  const head = ["fault", "count", "p50", "p99", "bound", ...classes];
  const text = (ms: number | null): string => secondsText(ms ?? undefined);
  const counts = byName(chapters);
  const rows = faultSummaries(chapters).map(({ fault, count, outageMsP50, outageMsP99, boundMs }) => {
    const outages = (counts.get(fault) ?? []).map((chapter) => chapter.outageMs ?? Infinity);
    const cells = histogram(outages).map((number) => (number === 0 ? "." : String(number)));
    return [fault, String(count), text(outageMsP50), text(outageMsP99), secondsText(boundMs), ...cells];
  });
  const widths = head.map((title, index) => Math.max(title.length, ...rows.map((row) => row[index]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `  ${cells.map((cell, index) => (index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0))).join("  ")}`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)];
}

function byName(chapters: readonly ChapterResult[]): Map<string, ChapterResult[]> {
  const found = new Map<string, ChapterResult[]>();
  for (const chapter of chapters) found.set(chapter.name, [...(found.get(chapter.name) ?? []), chapter]);
  return new Map([...found].sort(([a], [b]) => a.localeCompare(b)));
}

function shortText(ms: number): string {
  return ms < 1_000 ? `${ms}ms` : `${ms / 1_000}s`;
}
