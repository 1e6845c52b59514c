/** What a member says about its isolation targets, and that saying it changes nothing else. */
import { describe, expect, it } from "vitest";
import { activeMachine, type MachineHost, machineHost } from "../../../test/builders/machine-host.ts";
import { grantTo, SESSION } from "../../../test/builders/worker-group.ts";
import type { Isolation, MemberReport } from "../../api/generated/types.ts";

const ISOLATION: Isolation = {
  targets: [{ ping: { address: "10.0.0.1" } }],
  interval: "5s",
  timeout: "2s",
  retries: 2,
};

function withTargets(made: MachineHost, isolation: Isolation | "none" = ISOLATION): MachineHost {
  made.write(({ spec: { isolation: _former, ...spec }, ...group }) => ({
    ...group,
    spec: isolation === "none" ? spec : { ...spec, isolation },
  }));
  made.settle();
  made.trace.length = 0;
  return made;
}

function found(made: MachineHost, verdict: MemberReport["isolation"]): void {
  made.send({ type: "isolation", verdict });
  made.settle();
}

describe("a standby", () => {
  it("says at once what it found, in a report of its session that claims no epoch", () => {
    const made = withTargets(machineHost());
    found(made, "Reached");
    expect(made.report()).toMatchObject({ session: SESSION, epoch: 0, state: "Inactive", isolation: "Reached" });
    expect(made.report()?.knownMembers).toBeUndefined();
    found(made, "Lost");
    expect(made.report()?.isolation).toBe("Lost");
    expect(made.trace).toEqual(["write Inactive", "write Inactive"]);
  });

  it("says that nothing could be checked", () => {
    const made = withTargets(machineHost());
    found(made, "NotChecked");
    expect(made.report()?.isolation).toBe("NotChecked");
  });

  it("writes nothing while nothing changes, and nothing about a group without targets", () => {
    const made = withTargets(machineHost());
    found(made, "Reached");
    found(made, "Reached");
    made.advance(60_000);
    expect(made.trace).toEqual(["write Inactive"]);
    const without = machineHost();
    found(without, "Reached");
    expect(without.report()).toBeUndefined();
  });

  it("keeps the record and the epoch of its last grant", () => {
    const made = withTargets(activeMachine());
    made.write((group) => ({ ...group, status: { ...group.status, ...grantTo("node2", 6, "node2_s") } }));
    made.settle();
    const before = made.report();
    expect(before).toMatchObject({ state: "Inactive", epoch: 5 });
    found(made, "Reached");
    expect(made.report()).toMatchObject({ state: "Inactive", epoch: 5, isolation: "Reached" });
    expect(made.report()?.knownMembers).toEqual(before?.knownMembers);
  });

  it("says it again under a new session, and nothing of the former before it looked itself", () => {
    const made = withTargets(machineHost());
    found(made, "Lost");
    made.session = "node1_session-b";
    made.restart();
    made.settle();
    expect(made.report()).toMatchObject({ session: SESSION, isolation: "Lost" });
    found(made, "Reached");
    expect(made.report()).toMatchObject({ session: "node1_session-b", isolation: "Reached" });
    made.send({ type: "session", session: "node1_session-c" });
    made.settle();
    expect(made.report()).toMatchObject({ session: "node1_session-c", isolation: "Reached" });
  });

  it("takes its word back when the group names no targets any more", () => {
    const made = withTargets(machineHost());
    found(made, "Lost");
    withTargets(made, "none");
    expect(made.report()).toBeDefined();
    expect(made.report()?.isolation).toBeUndefined();
  });

  it("says nothing while everything must be down", () => {
    const made = withTargets(machineHost());
    made.send({ type: "takeDown", budgetMs: 1_000 });
    found(made, "Lost");
    expect(made.report()).toBeUndefined();
  });
});

describe("an active member", () => {
  it("says at once that it lost its targets, under its grant, and goes on serving", () => {
    const made = withTargets(activeMachine());
    found(made, "Reached");
    found(made, "Lost");
    expect(made.report()).toMatchObject({ session: SESSION, epoch: 5, state: "Active", isolation: "Lost" });
    expect(made.report()?.knownMembers).toEqual(["node1", "node2"]);
    expect(made.up.size).toBe(3);
  });

  it("carries no verdict of another session into its grant", () => {
    const made = withTargets(machineHost());
    found(made, "Lost");
    made.session = "node1_session-b";
    made.restart();
    made.write((group) => ({ ...group, status: { ...group.status, ...grantTo("node1", 7, "node1_session-b") } }));
    made.settle();
    expect(made.report()).toMatchObject({ session: "node1_session-b", epoch: 7, state: "Active" });
    expect(made.report()?.isolation).toBeUndefined();
  });
});
