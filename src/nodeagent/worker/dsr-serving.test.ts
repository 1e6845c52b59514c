import { describe, expect, test } from "vitest";
import { activeMachine, type MachineHost } from "../../../test/builders/machine-host.ts";
import { APP, PROBE, probePort, workerObjects } from "../../../test/builders/worker-group.ts";

/** What the watches show after the object was changed. */
function changeFrontend(made: MachineHost, frontendAddress: string | undefined): void {
  const own = probePort();
  const spec = frontendAddress === undefined ? own.spec : { ...own.spec, dsr: { frontendAddress } };
  made.objects = { ...workerObjects, probePort: () => ({ ...own, spec }) };
  made.watch();
}

describe("Direct Server Return while the group is active", () => {
  test("is added without touching the probe port or the service", () => {
    const made = activeMachine({ resources: [APP, PROBE] });
    made.trace.splice(0);
    changeFrontend(made, "10.5.0.200");
    made.settle();
    expect([...made.up].sort()).toEqual(["app", "probe", "probe#frontend"]);
    expect(made.trace.filter((word) => /^(start|stop) /.test(word))).toEqual(["start probe#frontend"]);
    expect(made.report()?.resources?.find(({ name }) => name === "probe")?.state).toBe("Active");
  });

  test("is removed again, and its address is replaced by another one", () => {
    const made = activeMachine({ resources: [APP, PROBE] });
    changeFrontend(made, "10.5.0.200");
    made.settle();
    made.trace.splice(0);
    changeFrontend(made, "10.5.0.201");
    made.settle();
    expect(made.trace.filter((word) => /^(start|stop) /.test(word))).toEqual([
      "stop probe#frontend",
      "start probe#frontend",
    ]);
    changeFrontend(made, undefined);
    made.settle();
    expect([...made.up].sort()).toEqual(["app", "probe"]);
  });

  test("a frontend that cannot be put back fails the resource with its reason", () => {
    const made = activeMachine({ resources: [APP, PROBE], failover: { reactivations: 0 } });
    changeFrontend(made, "10.5.0.200");
    made.settle();
    made.failing.set("check probe#frontend", { reason: "FrontendMissing", message: "10.5.0.200 is not there" });
    made.send({ type: "changed", kind: "address" });
    made.settle();
    expect(made.report()?.resources).toContainEqual(
      expect.objectContaining({ name: "probe", state: "Failed", reason: "FrontendMissing" }),
    );
  });
});
