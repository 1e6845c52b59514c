/** Operations as an operator does them: by the command line and by annotations, with their answers (API.md section 3). */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FailoverGroup } from "../../src/api/generated/types.ts";
import { FAILOVER_GROUP } from "../../src/api/kinds.ts";
import { NODE } from "../../src/sandbox/world/manifests.ts";
import { processFacts } from "../../src/nodeagent/linux/processes.ts";
import { until } from "./facts.ts";
import { conditionOf, Installation, isReady, type Machine } from "./installation.ts";
import { failoverGroup, service, virtualIp } from "./objects.ts";
import { startProgram } from "./programs.ts";

const NS = "ops";
const GROUP = "failover1";
const ADDRESS = "10.1.0.20";

let site: Installation;
let first: Machine;
let second: Machine;

beforeAll(async () => {
  site = await Installation.start({ timings: ["--preset", "default"] });
  [first, second] = site.machines;
  site.cloud.addRoutes(ADDRESS);
  const resources = [service(), { kind: "AwsVirtualIP", name: "vip" }];
  const group = failoverGroup(GROUP, site.nodes, resources, { failover: { reactivations: 1 } });
  await site.apply(NS, virtualIp("vip", ADDRESS), group);
  await standbyReady();
}, 60_000);

afterAll(async () => {
  await site.close();
}, 60_000);

async function standbyReady(): Promise<FailoverGroup> {
  const isSettled = (group: FailoverGroup): boolean =>
    isReady(group) && conditionOf(group, "StandbyReady")?.status === "True";
  return await site.untilGroup(NS, GROUP, "Ready with a standby", isSettled);
}

function serves(machine: Machine): boolean {
  const pid = machine.servicePid(NS, GROUP);
  return machine.holds(ADDRESS) && pid !== undefined && processFacts(pid)?.isZombie === false;
}

function isBare(machine: Machine): boolean {
  return !machine.holds(ADDRESS) && machine.servicePid(NS, GROUP) === undefined;
}

const understudy = (...argv: string[]) => site.understudy(...argv, "-n", NS);
const operate = async (verb: string, value: string): Promise<void> =>
  await site.annotate(NS, GROUP, { [`understudy.dev/${verb}`]: value });
const newest = (group: FailoverGroup) => group.status?.history?.[0];

describe("a move", { timeout: 60_000 }, () => {
  test("to a member by the command line waits until it is Ready there", async () => {
    const before = (await site.group(NS, GROUP)).status?.epoch ?? 0;
    const { code, stdout, stderr } = await understudy("move", GROUP, second.node, "--wait");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(new RegExp(`^${NS}/${GROUP}: Ready on ${second.node} after \\d+ ms\n$`));
    const group = await site.group(NS, GROUP);
    expect(group.status?.active).toMatchObject({ node: second.node, epoch: before + 1 });
    expect(newest(group)).toMatchObject({
      cause: "Requested",
      from: first.node,
      to: second.node,
      result: "Succeeded",
      requestedBy: "understudy-cli",
    });
    expect(group.metadata.annotations?.["understudy.dev/move-to"]).toBeUndefined();
    expect([isBare(first), serves(second)]).toEqual([true, true]);
    expect(site.cloud.targetsOf(ADDRESS)).toEqual([site.cloud.eniOf(1), site.cloud.eniOf(1)]);
    expect((await site.untilEvent(NS, GROUP, "OperationDone")).message).toContain(`move-to ${second.node}`);
  });

  test("to any standby is requested, and carried out without anybody waiting", async () => {
    await standbyReady();
    const { code, stdout } = await understudy("move", GROUP, "any");
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${NS}/${GROUP}: move to any requested\n` });
    await site.untilReady(NS, GROUP, first.node);
    expect([serves(first), isBare(second)]).toEqual([true, true]);
  });

  test("to where the group is changes nothing", async () => {
    const before = (await standbyReady()).status?.epoch;
    expect(await understudy("move", GROUP, first.node, "--wait")).toMatchObject({ code: 0 });
    expect((await site.group(NS, GROUP)).status?.epoch).toBe(before);
  });

  test("to a member that may not take the group is refused with the reason", async () => {
    const key = { namespace: "", name: second.node };
    await site.api.patch(NODE, key, { type: "merge", body: { spec: { unschedulable: true } } });
    await site.untilGroup(
      NS,
      GROUP,
      "the cordon is seen",
      (group) => group.status?.members?.some((member) => member.reason === "Cordoned") === true,
    );
    const { code, stdout, stderr } = await understudy("move", GROUP, second.node, "--wait");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(`move refused: move-to: ${second.node}: ${second.node} is not promotable: Cordoned`);
    expect((await site.untilEvent(NS, GROUP, "OperationRefused")).message).toContain("Cordoned");
    await site.api.patch(NODE, key, { type: "merge", body: { spec: { unschedulable: null } } });
    expect(serves(first)).toBe(true);
  });

  test("of a group or to a member that does not exist is wrong usage", async () => {
    const noGroup = await understudy("move", "nothing", first.node);
    expect(noGroup).toMatchObject({ code: 2, stderr: `understudy move: no group nothing in namespace ${NS}\n` });
    const noMember = await understudy("move", GROUP, "nod2");
    expect(noMember.code).toBe(2);
    expect(noMember.stderr).toContain(`nod2 is no member of ${NS}/${GROUP}; members: ${site.nodes.join(", ")}`);
  });
});

describe("annotations", { timeout: 60_000 }, () => {
  test("stop takes everything down and keeps it down, start brings it up", async () => {
    await operate("stop", "database maintenance");
    const held = await site.untilGroup(NS, GROUP, "Stopped", ({ status }) => status?.phase === "Stopped");
    expect(held.status?.hold).toMatchObject({ reason: "StoppedByRequest", message: "database maintenance" });
    expect(conditionOf(held, "Ready")).toMatchObject({ status: "False", reason: "Stopped" });
    expect(conditionOf(held, "Stalled")).toBeUndefined();
    expect([isBare(first), isBare(second)]).toEqual([true, true]);
    expect((await understudy("status", GROUP)).code).toBe(1);
    const refused = await understudy("move", GROUP, second.node, "--wait");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("StoppedByRequest");
    await operate("start", "maintenance is over");
    const group = await site.untilReady(NS, GROUP);
    expect(group.status?.hold).toBeUndefined();
    expect(group.metadata.annotations?.["understudy.dev/start"]).toBeUndefined();
  });

  test("pause leaves what is broken as it is, until it is over", async () => {
    await standbyReady();
    await operate("pause", "1h");
    await site.untilCondition(FAILOVER_GROUP, { namespace: NS, name: GROUP }, "Paused", "FailoverPaused");
    const pid = first.servicePid(NS, GROUP) ?? 0;
    process.kill(pid, "SIGKILL");
    await site.untilCondition(FAILOVER_GROUP, { namespace: NS, name: GROUP }, "Ready", "ResourceFailed");
    await operate("simulate-fault", "vip");
    expect((await site.untilEvent(NS, GROUP, "OperationRefused")).involvedObject["name"]).toBe(GROUP);
    expect((await site.group(NS, GROUP)).status).toMatchObject({ active: { node: first.node } });
    expect(first.servicePid(NS, GROUP)).toBe(pid);
    await operate("pause", "none");
    const group = await site.untilReady(NS, GROUP);
    expect(conditionOf(group, "Paused")).toBeUndefined();
    expect(group.status?.pausedUntil).toBeUndefined();
    await operate("start", "what failed during the maintenance does not count");
  });

  test("simulate-fault is repaired in place first and then moves the group", async () => {
    const from = (await standbyReady()).status?.active?.node ?? "";
    await operate("simulate-fault", "app");
    const moved = await site.untilGroup(
      NS,
      GROUP,
      "moved",
      (group) => isReady(group) && group.status?.active?.node !== from,
    );
    expect(newest(moved)).toMatchObject({ cause: "ResourceFailed", from, result: "Succeeded" });
    expect(moved.status?.operation).toBeUndefined();
    await until("the old member is bare", () => (site.machines.some(isBare) ? true : undefined));
    expect(site.machines.filter(serves)).toHaveLength(1);
    await standbyReady();
  });

  test("that make no sense are refused and removed", async () => {
    await operate("pause", "for a while");
    await site.untilGroup(NS, GROUP, "the answer", (group) => newest(group)?.message?.includes("for a while") === true);
    const group = await site.group(NS, GROUP);
    expect(newest(group)).toMatchObject({ result: "Refused", requestedBy: "kubectl" });
    expect(group.metadata.annotations?.["understudy.dev/pause"]).toBeUndefined();
  });
});

describe("status", { timeout: 60_000 }, () => {
  test("shows group, members, resources and the last move, and exits 0 while all is Ready", async () => {
    const group = await standbyReady();
    const { code, stdout, stderr } = await understudy("status");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const active = group.status?.active?.node ?? "";
    expect(stdout).toContain(`${NS}/${GROUP}  Active on ${active}, epoch ${group.status?.epoch}`);
    for (const word of [...site.nodes, "Promotable", "app", "exec", "vip", "AwsVirtualIP", "last move", "activate "])
      expect(stdout).toContain(word);
    expect(stdout).not.toContain("\u001B");
  });

  test("as JSON is the object itself", async () => {
    const { code, stdout } = await understudy("status", GROUP, "-o", "json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ kind: "FailoverGroup", metadata: { name: GROUP }, status: {} });
  });

  test("of all namespaces finds the group, of one without groups says so", async () => {
    expect((await site.understudy("status", "-A")).stdout).toContain(`${NS}/${GROUP}`);
    expect((await site.understudy("status", "-n", "empty")).stdout).toContain("No groups here");
    expect((await site.understudy("status", "nothing", "-n", NS)).code).toBe(2);
  });

  test("watches until it is interrupted", async () => {
    await standbyReady();
    const kubeconfig = ["--kubeconfig", site.kubeconfig, "-n", NS];
    const watching = startProgram(["status", GROUP, "-w", ...kubeconfig]);
    await until("the first picture", () => (watching.output().includes("Active on") ? true : undefined));
    await operate("stop", "the picture must change");
    await until("the next picture", () => (watching.output().includes("Stopped on no member") ? true : undefined));
    await operate("start", "and change back");
    await site.untilReady(NS, GROUP);
    await until("the last picture", () =>
      watching.output().trimEnd().split("Active on").length > 2 ? true : undefined,
    );
    expect(await watching.end("SIGINT")).toBe(0);
  });
});
