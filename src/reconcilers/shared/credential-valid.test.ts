import { describe, expect, it } from "vitest";
import { certificateVerdict, nextCertificateStepMs } from "./credential-valid.ts";

const NOW_MS = Date.UTC(2026, 4, 1);
const DAY_MS = 86_400_000;

describe("CredentialValid", () => {
  it.each([
    [31, "Valid", "ends at 2026-06-01T00:00:00.000Z"],
    [30, "ExpiresSoon", "in less than 30 days"],
    [7, "ExpiresSoon", "in less than 7 days"],
    [1, "ExpiresSoon", "in less than a day"],
    [0, "Expired", "ended at 2026-05-01T00:00:00.000Z"],
  ])("with %i days left is %s: %s [REQ 5.1 Azure DNS certificate expiry]", (days, reason, text) => {
    const verdict = certificateVerdict(NOW_MS + days * DAY_MS, NOW_MS, "spec.credentials");
    expect(verdict).toMatchObject({ status: reason === "Valid" ? "True" : "False", reason });
    expect(verdict.message).toContain(text);
  });

  it.each([
    [40, 10],
    [20, 13],
    [3, 2],
    [0.5, 0.5],
    [-1, undefined],
  ])("with %s days left says something else in %s days", (days, next) => {
    expect(nextCertificateStepMs(NOW_MS + days * DAY_MS, NOW_MS)).toBe(next === undefined ? undefined : next * DAY_MS);
  });
});
