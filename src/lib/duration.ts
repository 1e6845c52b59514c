/**
 * The API's Duration: the subset of Go's durations that Kubernetes' CEL `duration()` reads as well (API.md 0).
 */
const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** What a Duration must look like; the schemas carry the same pattern. */
export const DURATION_PATTERN = "^([0-9]{1,5}(h|m|s|ms)){1,4}$";

/** Milliseconds of a Duration such as `1m30s`; undefined when the text is not one. */
export function parseDurationMs(text: string): number | undefined {
  if (!new RegExp(DURATION_PATTERN).test(text)) return undefined;
  let totalMs = 0;
  for (const [, count, unit] of text.matchAll(/([0-9]+)(ms|h|m|s)/g)) {
    totalMs += Number(count) * (UNIT_MS[unit ?? ""] ?? 0);
  }
  return totalMs;
}

/** The shortest Duration text for a time >= 0 in milliseconds, rounded to whole ones. */
export function formatDuration(totalMs: number): string {
  let restMs = Math.round(totalMs);
  if (restMs === 0) return "0s";
  let text = "";
  for (const [unit, unitMs] of Object.entries(UNIT_MS)) {
    const count = Math.floor(restMs / unitMs);
    restMs -= count * unitMs;
    if (count > 0) text += `${count}${unit}`;
  }
  return text;
}
