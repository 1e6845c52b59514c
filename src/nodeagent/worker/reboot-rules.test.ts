import { describe, expect, test } from "vitest";
import { activeMachine, type MachineHost } from "../../../test/builders/machine-host.ts";
import { APP, VIP } from "../../../test/builders/worker-group.ts";

function held(made: MachineHost, reason: "StoppedAfterFailure" | "StoppedByRequest" = "StoppedAfterFailure"): void {
  const hold = { reason, since: "2026-01-01T00:00:00Z" };
  made.write((group) => ({ ...group, status: { ...group.status, hold } }));
}

const reboots = (made: MachineHost): number => made.trace.filter((word) => word === "reboot").length;

describe("failover.finalAction RebootNode", () => {
  test("boots the member anew once, after everything is down", () => {
    const made = activeMachine({ resources: [VIP, APP], failover: { finalAction: "RebootNode" } });
    held(made);
    made.advance(5_000);
    expect(made.up.size).toBe(0);
    expect(made.trace.indexOf("reboot")).toBeGreaterThan(made.trace.indexOf("tellDeactivated"));
    made.advance(120_000);
    expect(reboots(made)).toBe(1);
  });

  test("boots it also when something does not go down", () => {
    const made = activeMachine({ resources: [VIP, APP], failover: { finalAction: "RebootNode" } });
    made.failing.set("stop app", { reason: "StopFailed", message: "hangs" });
    held(made);
    made.advance(55_000);
    expect(reboots(made)).toBe(0);
    made.advance(20_000);
    expect(reboots(made)).toBe(1);
  });

  test("does nothing with another action, for another hold, or once the right has ended", () => {
    const stopped = activeMachine({ resources: [VIP] });
    held(stopped);
    const asked = activeMachine({ resources: [VIP], failover: { finalAction: "RebootNode" } });
    held(asked, "StoppedByRequest");
    const forbidden = activeMachine({ resources: [VIP], failover: { finalAction: "RebootNode" } });
    forbidden.send({ type: "takeDown", budgetMs: 1_000 });
    held(forbidden);
    for (const made of [stopped, asked, forbidden]) {
      made.advance(90_000);
      expect(reboots(made)).toBe(0);
    }
  });

  test("the next life takes down what was left and does not boot again", () => {
    const made = activeMachine({ resources: [VIP], failover: { finalAction: "RebootNode" } });
    made.failing.set("stop vip", { reason: "StopFailed", message: "hangs" });
    held(made);
    made.advance(70_000);
    expect(reboots(made)).toBe(1);
    made.failing.clear();
    made.session = "node1_session-b";
    made.restart();
    made.settle();
    made.advance(90_000);
    expect(made.up.size).toBe(0);
    expect(reboots(made)).toBe(1);
  });
});
