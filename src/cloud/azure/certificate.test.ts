import { describe, expect, it } from "vitest";
import { selfSigned } from "../../sandbox/arm/certificate.ts";
import { certificateEndsAtMs } from "./certificate.ts";

describe("the end of a certificate", () => {
  const nowMs = Date.UTC(2026, 4, 1);
  const { cert, key } = selfSigned("localhost", nowMs);

  it("is read from a PEM with its key", () => {
    expect(certificateEndsAtMs(`${key}${cert}`)).toBe(nowMs + 365 * 86_400_000);
  });

  it.each([
    ["nothing", ""],
    ["a key alone", key],
    ["rubbish", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"],
  ])("is not known of %s", (_what, pem) => {
    expect(certificateEndsAtMs(pem)).toBeUndefined();
  });
});
