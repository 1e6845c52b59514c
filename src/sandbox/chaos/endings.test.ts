import { describe, expect, it } from "vitest";
import { agentOf, Endings, mayEnd } from "./endings.ts";
import type { PlannedFault } from "./faults.ts";

const fault = (kind: PlannedFault["kind"], victim: PlannedFault["victim"]): PlannedFault => ({
  kind,
  victim,
  afterMs: 0,
  lengthMs: 0,
});

describe("endings", () => {
  it("are told once when nobody killed the process", () => {
    const endings = new Endings();
    endings.expect(["apiserver"]);
    endings.ended("apiserver", "SIGKILL");
    endings.ended("controller-1", "exit code 1");
    expect(endings.take()).toEqual(["controller-1 ended by itself: exit code 1"]);
    expect(endings.take()).toEqual([]);
  });

  it("of what the chapter before killed are expected for one more", () => {
    const endings = new Endings();
    endings.expect(["controller-1"]);
    endings.expect([]);
    endings.ended("controller-1", "exit code 1");
    expect(endings.take()).toEqual([]);
    endings.expect([]);
    endings.ended("controller-1", "exit code 1");
    expect(endings.take()).toHaveLength(1);
  });

  it("are expected of leaders that cannot renew, and of agents whose guard is killed", () => {
    const nodes = ["node1", "node2"];
    expect(mayEnd({ faults: [fault("api-freeze", "api-server")] }, nodes)).toEqual(["controller-1", "controller-2"]);
    expect(mayEnd({ faults: [fault("api-kill", "api-server")] }, nodes)).toContain("apiserver");
    expect(mayEnd({ faults: [fault("guard-kill", "standby")] }, nodes)).toEqual(nodes.map(agentOf));
    expect(mayEnd({ faults: [fault("worker-kill", "active")] }, nodes)).toEqual([]);
    expect(mayEnd({ faults: [fault("cut-off", "active"), fault("cloud-slow", "cloud")] }, nodes)).toEqual([]);
  });
});
