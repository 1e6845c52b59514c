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

  it("are allowed as often as they are named, so that a process that ends again and again is noticed", () => {
    const endings = new Endings();
    endings.expect(["agent of node1"]);
    endings.ended("agent of node1", "killed");
    endings.ended("agent of node1", "exit code 1");
    expect(endings.take()).toEqual(["agent of node1 ended by itself: exit code 1"]);
  });

  it("are expected of leaders that cannot renew, and of the agent whose guard is killed", () => {
    const cast = { active: "node1", standby: "node2", leader: "controller-2", otherController: "controller-1" };
    expect(mayEnd({ faults: [fault("api-freeze", "api-server")] }, cast)).toEqual(["controller-2", "controller-1"]);
    expect(mayEnd({ faults: [fault("api-kill", "api-server")] }, cast)).toContain("apiserver");
    expect(mayEnd({ faults: [fault("leader-freeze", "controllers")] }, cast)).toEqual(["controller-2"]);
    expect(mayEnd({ faults: [fault("guard-kill", "standby")] }, cast)).toEqual([agentOf("node2")]);
    expect(mayEnd({ faults: [fault("worker-kill", "active")] }, cast)).toEqual([]);
    expect(mayEnd({ faults: [fault("cut-off", "active"), fault("cloud-slow", "cloud")] }, cast)).toEqual([]);
  });
});
