import { describe, expect, test } from "vitest";
import { activeMachine } from "../../../test/builders/machine-host.ts";
import { APP, DNS } from "../../../test/builders/worker-group.ts";

describe("a record's name in a group", () => {
  test("is nothing to wait for: the group is active at once, and the first look comes after the start delay", () => {
    const made = activeMachine({ resources: [APP, DNS] });
    expect(made.report()?.resources).toContainEqual(expect.objectContaining({ name: "srv", state: "Active" }));
    made.advance(29_000);
    expect(made.trace).not.toContain("check srv");
    made.advance(2_000);
    expect(made.trace).toContain("check srv");
  });

  test("that does not lead here is reported at once, stands until it does, and is Failed after the last repair", () => {
    const made = activeMachine({ resources: [DNS], failover: { reactivations: 2 } });
    made.failing.set("check srv", { reason: "NotResolved", message: "srv.hz1.local: ENOTFOUND" });
    made.advance(31_000);
    const found = { name: "srv", state: "Activating", reason: "NotResolved" };
    expect(made.report()).toMatchObject({ state: "Active", resources: [found] });
    made.advance(25_000);
    expect(made.report()).toMatchObject({ resources: [found] });
    made.advance(65_000);
    expect(made.report()).toMatchObject({ state: "Failed", resources: [{ ...found, state: "Failed" }] });
  });

  test("that leads here again is well again", () => {
    const made = activeMachine({ resources: [DNS] });
    made.failing.set("check srv", { reason: "ResolvedElsewhere", message: "10.0.2.10" });
    made.advance(31_000);
    expect(made.report()?.resources).toMatchObject([{ state: "Activating", reason: "ResolvedElsewhere" }]);
    made.failing.clear();
    made.advance(31_000);
    expect(made.report()?.resources?.[0]).toMatchObject({ name: "srv", state: "Active" });
    expect(made.report()?.resources?.[0]?.reason).toBeUndefined();
  });

  test("whose resource only warns keeps the group Active", () => {
    const made = activeMachine({ resources: [APP, { ...DNS, onFailure: "Warn" }] });
    made.failing.set("check srv", { reason: "NotResolved", message: "ENOTFOUND" });
    made.advance(31_000);
    expect(made.report()).toMatchObject({ state: "Active" });
    expect(made.report()?.resources).toContainEqual(expect.objectContaining({ name: "srv", state: "Failed" }));
  });
});
