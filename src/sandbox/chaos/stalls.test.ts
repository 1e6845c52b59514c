import { expect, it } from "vitest";
import { MAX_STALL_MS } from "./bounds.ts";
import { stallOf } from "./stalls.ts";

it("a machine that is punctual adds nothing, a busy one what it cost, and never more than a limit", () => {
  expect(stallOf(12, 30).allowanceMs).toBe(0);
  expect(stallOf(12, 180).allowanceMs).toBe(180);
  expect(stallOf(90, 20).allowanceMs).toBe(90);
  expect(stallOf(5_000, 9_000).allowanceMs).toBe(MAX_STALL_MS);
});
